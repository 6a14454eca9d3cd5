import java.util.concurrent.TimeUnit;

/** What goes wrong now; the test sets it through {@link Web}. */
final class Faults {
    /** How many containers the cluster can run at once: 0 is a full queue. */
    volatile int capacity = 100;

    /** Why the queue rejects new applications, or null. */
    volatile String rejects;

    /** Whether ApplicationMasters are refused, as if their tokens had expired. */
    volatile boolean refusesTokens;

    /** The status with which the web services refuse each request, or 0. */
    volatile int webStatus;

    /** How long each answer takes. */
    volatile long delayMs;

    void delay() throws InterruptedException {
        TimeUnit.MILLISECONDS.sleep(delayMs);
    }
}
