import com.fasterxml.jackson.databind.ObjectMapper;
import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Executors;
import org.apache.hadoop.yarn.api.records.ApplicationId;
import org.apache.hadoop.yarn.api.records.ContainerId;
import org.apache.hadoop.yarn.exceptions.ApplicationNotFoundException;

/**
 * Two web services on one port: those of the ResourceManager that Airflow's provider asks, below /ws, and those by
 * which a test looks and sets {@link Faults}, below /stand-in.
 */
final class Web {
    private static final String APPS = "/ws/v1/cluster/apps/";
    private static final String TEST = "/stand-in/";

    final String address;
    private final ResourceManager manager;
    private final Faults faults;
    private final ObjectMapper json = new ObjectMapper();

    Web(ResourceManager manager, Faults faults) throws IOException {
        this.manager = manager;
        this.faults = faults;
        HttpServer server = HttpServer.create(new InetSocketAddress(Rpc.LOOPBACK, 0), 0);
        server.createContext(APPS, exchange -> answer(exchange, this::ofTheManager));
        server.createContext(TEST, exchange -> answer(exchange, this::ofTheTest));
        server.setExecutor(Executors.newFixedThreadPool(4));
        server.start();
        address = "http://" + Rpc.LOOPBACK + ":" + server.getAddress().getPort();
    }

    private interface Service {
        Answer call(String method, String path, Map<String, Object> body) throws Exception;
    }

    private record Answer(int status, Object body) {}

    /** GET apps/ID returns an application, PUT apps/ID/state kills it. */
    private Answer ofTheManager(String method, String path, Map<String, Object> body) throws Exception {
        faults.delay();
        Log.say("%s %s", method, path);
        if (faults.webStatus > 0) {
            return new Answer(faults.webStatus, Map.of("RemoteException", Map.of("message", "refused by the test")));
        }
        String[] words = path.substring(APPS.length()).split("/");
        Application application;
        try {
            application = manager.find(ApplicationId.fromString(words[0]));
        } catch (ApplicationNotFoundException error) {
            return new Answer(404, Map.of("RemoteException", Map.of("message", error.getMessage())));
        }
        if (method.equals("PUT") && words[1].equals("state")) {
            manager.kill(application, "Application killed by user through the web services.");
            return new Answer(202, Map.of("state", application.state.toString()));
        }
        return new Answer(200, Map.of("app", described(application)));
    }

    /** GET applications lists them; PUT faults sets some; POST signal/CONTAINER and POST lose/APPLICATION act. */
    private Answer ofTheTest(String method, String path, Map<String, Object> body) throws Exception {
        String[] words = path.substring(TEST.length()).split("/");
        switch (words[0]) {
            case "applications" -> {
                List<Object> found = new ArrayList<>();
                manager.applications().forEach(each -> found.add(described(each)));
                return new Answer(200, found);
            }
            case "faults" -> set(body);
            case "signal" -> signal(ContainerId.fromString(words[1]), (String) body.get("name"));
            case "lose" -> manager.lose(manager.find(ApplicationId.fromString(words[1])).attempt());
            default -> throw new IOException("no such request: " + path);
        }
        return new Answer(200, Map.of());
    }

    private void set(Map<String, Object> given) throws Exception {
        Log.say("the test sets %s", given);
        faults.capacity = (Integer) given.get("capacity");
        faults.rejects = (String) given.get("rejects");
        faults.refusesTokens = (Boolean) given.get("refuses_tokens");
        faults.webStatus = (Integer) given.get("web_status");
        faults.delayMs = (Integer) given.get("delay_ms");
        manager.startWaiting();
    }

    private void signal(ContainerId container, String name) throws Exception {
        Log.say("the test sends SIG%s to %s", name, container);
        ContainerProcess process = manager.node.process(container);
        if (process == null) {
            throw new IOException(container + " is not running");
        }
        process.signal(name);
    }

    private Map<String, Object> described(Application application) {
        synchronized (manager) {
            Map<String, Object> found = new LinkedHashMap<>();
            found.put("id", application.id.toString());
            found.put("name", application.context == null ? "" : application.context.getApplicationName());
            found.put("queue", application.context == null ? "" : application.context.getQueue());
            found.put("user", application.user);
            found.put("state", application.state.toString());
            found.put("finalStatus", application.result.toString());
            found.put("diagnostics", application.diagnostics);
            List<Object> attempts = new ArrayList<>();
            application.attempts.forEach(each -> attempts.add(described(each)));
            found.put("attempts", attempts);
            return found;
        }
    }

    /** Returns the containers of an attempt that run, and their processes; the first is the ApplicationMaster's. */
    private Map<String, Object> described(Attempt attempt) {
        Map<String, Object> running = new LinkedHashMap<>();
        for (ContainerId each : attempt.running) {
            ContainerProcess process = manager.node.process(each);
            running.put(each.toString(), process == null ? null : process.pid());
        }
        return Map.of("master", attempt.master.toString(), "running", running);
    }

    @SuppressWarnings("unchecked")
    private void answer(HttpExchange exchange, Service service) throws IOException {
        Answer answer;
        try {
            byte[] given = exchange.getRequestBody().readAllBytes();
            Map<String, Object> body = given.length == 0 ? Map.of() : json.readValue(given, Map.class);
            answer = service.call(exchange.getRequestMethod(), exchange.getRequestURI().getPath(), body);
        } catch (Exception error) {
            Log.say("%s: %s", exchange.getRequestURI(), error);
            answer = new Answer(500, Map.of("RemoteException", Map.of("message", String.valueOf(error))));
        }
        byte[] data = json.writeValueAsBytes(answer.body());
        exchange.getResponseHeaders().set("Content-Type", "application/json");
        exchange.sendResponseHeaders(answer.status(), data.length);
        exchange.getResponseBody().write(data);
        exchange.close();
    }
}
