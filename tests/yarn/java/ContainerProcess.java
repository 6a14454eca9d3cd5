import java.io.File;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.zip.ZipFile;
import org.apache.hadoop.yarn.api.records.ContainerLaunchContext;
import org.apache.hadoop.yarn.api.records.LocalResource;
import org.apache.hadoop.yarn.api.records.LocalResourceType;

/** A container as a process group of this machine, started by a script as a NodeManager writes it. */
final class ContainerProcess {
    private static final long GRACE_MS = 250; // between SIGTERM and SIGKILL, as a NodeManager's

    private final Process process;

    private ContainerProcess(Process process) {
        this.process = process;
    }

    /** Starts a container in {@code folder}; it gets no more of this process's environment than PATH. */
    static ContainerProcess start(Path folder, ContainerLaunchContext context, Map<String, String> node)
            throws IOException, InterruptedException {
        Files.createDirectories(folder);
        for (Map.Entry<String, LocalResource> each : context.getLocalResources().entrySet()) {
            localize(each.getValue(), folder.resolve(each.getKey()));
        }
        Map<String, String> environment = new LinkedHashMap<>(node);
        environment.put("PWD", folder.toString());
        environment.put("HOME", folder.toString());
        environment.put("LOCAL_DIRS", folder.toString());
        environment.put("LOG_DIRS", folder.toString());
        if (context.getTokens() != null) {
            Path tokens = folder.resolve("container_tokens");
            Files.write(tokens, bytes(context.getTokens()));
            environment.put("HADOOP_TOKEN_FILE_LOCATION", tokens.toString());
        }
        environment.putAll(context.getEnvironment());
        StringBuilder script = new StringBuilder();
        environment.forEach((name, value) -> script.append(export(name, value)));
        String command = String.join(" ", context.getCommands()).replace("<LOG_DIR>", folder.toString());
        script.append("exec /bin/bash -c \"").append(expanded(command)).append("\"\n");
        Path file = Files.writeString(folder.resolve("launch_container.sh"), script);
        ProcessBuilder builder = new ProcessBuilder("setsid", "bash", file.toString());
        builder.environment().keySet().retainAll(java.util.Set.of("PATH"));
        builder.directory(folder.toFile()).redirectErrorStream(true);
        builder.redirectOutput(new File(folder.toFile(), "launch.log")).redirectInput(new File("/dev/null"));
        return new ContainerProcess(builder.start());
    }

    long pid() {
        return process.pid();
    }

    /** Waits for the end, ends what the container has left behind, and returns its exit code. */
    int end() throws InterruptedException, IOException {
        int code = process.waitFor();
        signal("KILL");
        return code;
    }

    void kill() throws InterruptedException, IOException {
        signal("TERM");
        if (!process.waitFor(GRACE_MS, TimeUnit.MILLISECONDS)) {
            signal("KILL");
        }
    }

    /** Sends a signal to all processes of the container. */
    void signal(String name) throws IOException, InterruptedException {
        new ProcessBuilder("kill", "-" + name, "--", "-" + process.pid()).start().waitFor();
    }

    private static void localize(LocalResource resource, Path target) throws IOException, InterruptedException {
        Path source = Path.of(resource.getResource().getFile());
        if (resource.getType() != LocalResourceType.ARCHIVE) {
            Files.copy(source, target, StandardCopyOption.REPLACE_EXISTING);
            return;
        }
        Files.createDirectories(target);
        if (!source.toString().endsWith(".zip")) {
            new ProcessBuilder("tar", "-xf", source.toString(), "-C", target.toString()).start().waitFor();
            return;
        }
        try (ZipFile zip = new ZipFile(source.toFile())) {
            for (var entry : java.util.Collections.list(zip.entries())) {
                Path file = target.resolve(entry.getName());
                Files.createDirectories(entry.isDirectory() ? file : file.getParent());
                if (!entry.isDirectory()) {
                    Files.copy(zip.getInputStream(entry), file, StandardCopyOption.REPLACE_EXISTING);
                }
            }
        }
    }

    private static String export(String name, String value) {
        return "export " + name + "=\"" + expanded(value).replace("\"", "\\\"") + "\"\n";
    }

    /** Replaces YARN's marks for variables and separators by those of the shell. */
    private static String expanded(String text) {
        return text.replaceAll("\\{\\{(\\w+)\\}\\}", "\\$$1").replace("<CPS>", ":");
    }

    private static byte[] bytes(ByteBuffer buffer) {
        byte[] found = new byte[buffer.remaining()];
        buffer.duplicate().get(found);
        return found;
    }
}
