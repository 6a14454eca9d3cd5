import java.time.LocalTime;
import java.time.temporal.ChronoUnit;

/** What happens, line by line on standard error. */
final class Log {
    private Log() {}

    static void say(String format, Object... values) {
        System.err.println(LocalTime.now().truncatedTo(ChronoUnit.MILLIS) + " " + String.format(format, values));
    }
}
