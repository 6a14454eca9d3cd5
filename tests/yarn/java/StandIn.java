import java.nio.file.Files;
import java.nio.file.Path;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.yarn.conf.YarnConfiguration;

/**
 * Plays YARN's ResourceManager and one NodeManager on loopback: {@code java StandIn FOLDER}.
 *
 * <p>FOLDER/conf becomes a HADOOP_CONF_DIR that leads here, FOLDER/containers holds the folders and logs of the
 * containers, which are processes of this machine. The address of the web services is printed once all is ready. It
 * ends, with all containers, when its standard input is closed.
 */
final class StandIn {
    private StandIn() {}

    public static void main(String[] arguments) throws Exception {
        Path folder = Path.of(arguments[0]).toAbsolutePath();
        Path settings = Files.createDirectories(folder.resolve("conf"));
        Configuration conf = new YarnConfiguration();
        Faults faults = new Faults();
        NodeManager node = new NodeManager(folder.resolve("containers"), settings, conf, faults);
        ResourceManager manager = new ResourceManager(node, conf, faults);
        Web web = new Web(manager, faults);
        site(settings.resolve("core-site.xml"), "fs.defaultFS", "file:///");
        site(
                settings.resolve("yarn-site.xml"),
                YarnConfiguration.RM_ADDRESS, Rpc.LOOPBACK + ":" + manager.clientPort,
                YarnConfiguration.RM_SCHEDULER_ADDRESS, Rpc.LOOPBACK + ":" + manager.schedulerPort,
                YarnConfiguration.RM_WEBAPP_ADDRESS, web.address.substring("http://".length()),
                YarnConfiguration.RM_AM_MAX_ATTEMPTS, String.valueOf(Application.MOST_ATTEMPTS),
                YarnConfiguration.RM_HOSTNAME, Rpc.LOOPBACK);
        System.out.println(web.address);
        while (System.in.read() != -1) {}
        node.stop();
        System.exit(0);
    }

    private static void site(Path file, String... properties) throws Exception {
        Configuration conf = new Configuration(false);
        for (int i = 0; i < properties.length; i += 2) {
            conf.set(properties[i], properties[i + 1]);
        }
        try (var out = Files.newOutputStream(file)) {
            conf.writeXml(out);
        }
    }
}
