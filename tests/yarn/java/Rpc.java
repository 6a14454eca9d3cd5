import java.io.IOException;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.lang.reflect.Proxy;
import java.net.InetSocketAddress;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.ipc.Server;
import org.apache.hadoop.security.token.SecretManager;
import org.apache.hadoop.yarn.exceptions.YarnException;
import org.apache.hadoop.yarn.ipc.YarnRPC;

/** Serves a protocol of YARN with an object that has those of its methods that Spark calls. */
final class Rpc {
    static final String LOOPBACK = "127.0.0.1";
    private static final int HANDLERS = 8;

    private Rpc() {}

    /** Starts a server and returns its port; {@code secrets} check the caller's token, null lets everybody in. */
    static int serve(Class<?> protocol, Object service, SecretManager<?> secrets, Configuration conf, Faults faults)
            throws IOException {
        Object proxy =
                Proxy.newProxyInstance(
                        protocol.getClassLoader(),
                        new Class<?>[] {protocol},
                        (self, method, given) -> call(service, method, given, faults));
        Server server =
                YarnRPC.create(conf)
                        .getServer(protocol, proxy, new InetSocketAddress(LOOPBACK, 0), conf, secrets, HANDLERS);
        server.start();
        return server.getListenerAddress().getPort();
    }

    private static Object call(Object service, Method method, Object[] given, Faults faults) throws Throwable {
        if (method.getDeclaringClass() == Object.class) {
            return method.invoke(service, given);
        }
        faults.delay();
        try {
            return service.getClass().getDeclaredMethod(method.getName(), method.getParameterTypes())
                    .invoke(service, given);
        } catch (NoSuchMethodException error) {
            Log.say("%s is not played", method.getName());
            throw new YarnException("the stand-in has no " + method.getName());
        } catch (InvocationTargetException error) {
            Log.say("%s: %s", method.getName(), error.getCause());
            throw error.getCause() instanceof YarnException ? error.getCause() : new IOException(error.getCause());
        }
    }
}
