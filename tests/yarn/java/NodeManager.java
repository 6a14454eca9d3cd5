import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.BiConsumer;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.yarn.api.ContainerManagementProtocol;
import org.apache.hadoop.yarn.api.protocolrecords.StartContainerRequest;
import org.apache.hadoop.yarn.api.protocolrecords.StartContainersRequest;
import org.apache.hadoop.yarn.api.protocolrecords.StartContainersResponse;
import org.apache.hadoop.yarn.api.protocolrecords.StopContainersRequest;
import org.apache.hadoop.yarn.api.protocolrecords.StopContainersResponse;
import org.apache.hadoop.yarn.api.records.ContainerId;
import org.apache.hadoop.yarn.api.records.ContainerLaunchContext;
import org.apache.hadoop.yarn.api.records.NodeId;
import org.apache.hadoop.yarn.api.records.Token;
import org.apache.hadoop.yarn.security.ContainerTokenIdentifier;
import org.apache.hadoop.yarn.security.NMTokenIdentifier;
import org.apache.hadoop.yarn.util.ConverterUtils;

/** Plays the only node: starts and ends containers, and tells the ResourceManager how they ended. */
final class NodeManager {
    final NodeId node;
    final Tokens<NMTokenIdentifier> tokens = new Tokens<>(NMTokenIdentifier::new, () -> false);
    private final Map<ContainerId, ContainerProcess> processes = new ConcurrentHashMap<>();
    private final Path folder;
    private final Path settings;
    private BiConsumer<ContainerId, Integer> onExit = (container, code) -> {};

    NodeManager(Path folder, Path settings, Configuration conf, Faults faults) throws IOException {
        this.folder = folder;
        this.settings = settings;
        node = NodeId.newInstance(
                Rpc.LOOPBACK, Rpc.serve(ContainerManagementProtocol.class, this, tokens, conf, faults));
    }

    /** Sets who hears of each container that ends, with its exit code. */
    void onExit(BiConsumer<ContainerId, Integer> listener) {
        onExit = listener;
    }

    public StartContainersResponse startContainers(StartContainersRequest request) throws Exception {
        List<ContainerId> started = new ArrayList<>();
        for (StartContainerRequest each : request.getStartContainerRequests()) {
            ContainerId container = containerOf(each.getContainerToken());
            start(container, each.getContainerLaunchContext());
            started.add(container);
        }
        return StartContainersResponse.newInstance(new HashMap<>(), started, new HashMap<>());
    }

    public StopContainersResponse stopContainers(StopContainersRequest request) throws Exception {
        for (ContainerId each : request.getContainerIds()) {
            kill(each);
        }
        return StopContainersResponse.newInstance(request.getContainerIds(), new HashMap<>());
    }

    void start(ContainerId container, ContainerLaunchContext context) throws IOException, InterruptedException {
        String application = container.getApplicationAttemptId().getApplicationId().toString();
        Map<String, String> environment = new HashMap<>();
        environment.put("CONTAINER_ID", container.toString());
        environment.put("JAVA_HOME", System.getProperty("java.home"));
        environment.put("HADOOP_CONF_DIR", settings.toString());
        environment.put("NM_HOST", node.getHost());
        environment.put("NM_PORT", String.valueOf(node.getPort()));
        environment.put("NM_HTTP_PORT", "0");
        environment.put("USER", System.getProperty("user.name"));
        // As deep as on a real node: some paths may not be that long.
        Path own = folder.resolve("usercache/" + System.getProperty("user.name") + "/appcache")
                .resolve(application).resolve(container.toString());
        ContainerProcess process = ContainerProcess.start(own, context, environment);
        processes.put(container, process);
        Log.say("%s runs as process %d", container, process.pid());
        Thread waiting = new Thread(() -> {
            try {
                int code = process.end();
                processes.remove(container);
                onExit.accept(container, code);
            } catch (InterruptedException | IOException error) {
                Log.say("%s: %s", container, error);
            }
        });
        waiting.setDaemon(true);
        waiting.start();
    }

    /** Ends a container as YARN does: SIGTERM, and SIGKILL a moment later. */
    void kill(ContainerId container) throws IOException, InterruptedException {
        ContainerProcess process = processes.get(container);
        if (process != null) {
            process.kill();
        }
    }

    /** Returns the process of a container, or null if it has none. */
    ContainerProcess process(ContainerId container) {
        return processes.get(container);
    }

    void stop() throws IOException, InterruptedException {
        for (ContainerProcess each : processes.values()) {
            each.signal("KILL");
        }
    }

    private static ContainerId containerOf(Token token) throws IOException {
        ContainerTokenIdentifier identifier = new ContainerTokenIdentifier();
        byte[] bytes = ConverterUtils.convertFromYarn(token, (org.apache.hadoop.io.Text) null).getIdentifier();
        identifier.readFields(new java.io.DataInputStream(new java.io.ByteArrayInputStream(bytes)));
        return identifier.getContainerID();
    }
}
