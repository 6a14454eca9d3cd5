import java.util.ArrayList;
import java.util.List;
import org.apache.hadoop.yarn.api.records.ApplicationId;
import org.apache.hadoop.yarn.api.records.ApplicationReport;
import org.apache.hadoop.yarn.api.records.ApplicationSubmissionContext;
import org.apache.hadoop.yarn.api.records.FinalApplicationStatus;
import org.apache.hadoop.yarn.api.records.YarnApplicationState;

/** An application, from its id to its end. */
final class Application {
    /** How many attempts an application may have; it may ask for fewer. */
    static final int MOST_ATTEMPTS = 3;

    final ApplicationId id;
    final List<Attempt> attempts = new ArrayList<>();
    ApplicationSubmissionContext context;
    String user;
    YarnApplicationState state = YarnApplicationState.NEW;
    FinalApplicationStatus result = FinalApplicationStatus.UNDEFINED;
    String diagnostics = "";
    private final long started = System.currentTimeMillis();
    private long ended;

    Application(ApplicationId id) {
        this.id = id;
    }

    boolean hasEnded() {
        return ended > 0;
    }

    Attempt attempt() {
        return attempts.isEmpty() ? null : attempts.get(attempts.size() - 1);
    }

    boolean mayTryAgain() {
        int asked = context.getMaxAppAttempts();
        return attempts.size() < (asked > 0 ? Math.min(asked, MOST_ATTEMPTS) : MOST_ATTEMPTS);
    }

    void end(YarnApplicationState state, FinalApplicationStatus result, String diagnostics) {
        this.state = state;
        this.result = result;
        this.diagnostics = diagnostics;
        ended = System.currentTimeMillis();
        Log.say("%s: %s, %s. %s", id, state, result, diagnostics);
    }

    ApplicationReport report() {
        Attempt last = attempt();
        String page = last == null ? "N/A" : last.trackingUrl;
        return ApplicationReport.newInstance(
                id, last == null ? null : last.id, user, context.getQueue(), context.getApplicationName(),
                last == null ? "N/A" : last.host, last == null ? -1 : last.port, null, state, diagnostics, page,
                started, started, ended, result, null, page, hasEnded() ? 1 : 0, context.getApplicationType(), null);
    }
}
