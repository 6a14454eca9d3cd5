import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.io.DataInputByteBuffer;
import org.apache.hadoop.io.DataOutputBuffer;
import org.apache.hadoop.io.Text;
import org.apache.hadoop.ipc.Server;
import org.apache.hadoop.security.Credentials;
import org.apache.hadoop.yarn.api.ApplicationClientProtocol;
import org.apache.hadoop.yarn.api.ApplicationConstants;
import org.apache.hadoop.yarn.api.ApplicationMasterProtocol;
import org.apache.hadoop.yarn.api.protocolrecords.*;
import org.apache.hadoop.yarn.api.records.*;
import org.apache.hadoop.yarn.exceptions.ApplicationNotFoundException;
import org.apache.hadoop.yarn.security.AMRMTokenIdentifier;
import org.apache.hadoop.yarn.util.Records;

/** Plays the ResourceManager towards spark-submit: takes applications in, runs their attempts, ends them. */
final class ResourceManager {
    static final Resource LARGEST = Resource.newInstance(16384, 16);

    final int clientPort;
    final int schedulerPort;
    final NodeManager node;
    final Faults faults;
    final Tokens<AMRMTokenIdentifier> tokens;
    private final long started = System.currentTimeMillis();
    private final Map<ApplicationId, Application> applications = new LinkedHashMap<>();

    ResourceManager(NodeManager node, Configuration conf, Faults faults) throws IOException {
        this.node = node;
        this.faults = faults;
        tokens = new Tokens<>(AMRMTokenIdentifier::new, () -> faults.refusesTokens);
        node.onExit(this::containerEnded);
        clientPort = Rpc.serve(ApplicationClientProtocol.class, this, null, conf, faults);
        schedulerPort = Rpc.serve(ApplicationMasterProtocol.class, new Scheduler(this), tokens, conf, faults);
    }

    public synchronized GetNewApplicationResponse getNewApplication(GetNewApplicationRequest request) {
        ApplicationId id = ApplicationId.newInstance(started, applications.size() + 1);
        applications.put(id, new Application(id));
        return GetNewApplicationResponse.newInstance(id, Resource.newInstance(1, 1), LARGEST);
    }

    public synchronized SubmitApplicationResponse submitApplication(SubmitApplicationRequest request)
            throws Exception {
        ApplicationSubmissionContext context = request.getApplicationSubmissionContext();
        Application application = find(context.getApplicationId());
        application.context = context;
        application.user = Server.getRemoteUser().getShortUserName();
        application.state = YarnApplicationState.ACCEPTED;
        Log.say("%s: submitted by %s to queue %s", application.id, application.user, context.getQueue());
        if (faults.rejects != null) {
            application.end(YarnApplicationState.FAILED, FinalApplicationStatus.FAILED, faults.rejects);
        }
        startWaiting();
        return Records.newRecord(SubmitApplicationResponse.class);
    }

    public synchronized GetApplicationReportResponse getApplicationReport(GetApplicationReportRequest request)
            throws Exception {
        return GetApplicationReportResponse.newInstance(find(request.getApplicationId()).report());
    }

    public synchronized KillApplicationResponse forceKillApplication(KillApplicationRequest request)
            throws Exception {
        kill(find(request.getApplicationId()), "Application killed by user.");
        return KillApplicationResponse.newInstance(true);
    }

    public GetClusterMetricsResponse getClusterMetrics(GetClusterMetricsRequest request) {
        return GetClusterMetricsResponse.newInstance(YarnClusterMetrics.newInstance(1));
    }

    public GetClusterNodesResponse getClusterNodes(GetClusterNodesRequest request) {
        return GetClusterNodesResponse.newInstance(new ArrayList<>());
    }

    public GetQueueInfoResponse getQueueInfo(GetQueueInfoRequest request) {
        QueueInfo queue = Records.newRecord(QueueInfo.class);
        queue.setQueueName(request.getQueueName());
        queue.setApplications(new ArrayList<>());
        queue.setChildQueues(new ArrayList<>());
        return GetQueueInfoResponse.newInstance(queue);
    }

    synchronized List<Application> applications() {
        return new ArrayList<>(applications.values());
    }

    synchronized Application find(ApplicationId id) throws ApplicationNotFoundException {
        Application found = applications.get(id);
        if (found == null) {
            throw new ApplicationNotFoundException("Application with id '" + id + "' doesn't exist in RM.");
        }
        return found;
    }

    synchronized void kill(Application application, String diagnostics) throws Exception {
        if (!application.hasEnded()) {
            application.end(YarnApplicationState.KILLED, FinalApplicationStatus.KILLED, diagnostics);
            endContainers(application, null);
        }
    }

    /** Gives an ApplicationMaster up that keeps running, as on a node that is out of reach. */
    synchronized void lose(Attempt attempt) throws Exception {
        attempt.lost = true;
        attemptFailed(applications.get(attempt.id.getApplicationId()), "ApplicationMaster for attempt " + attempt.id
                + " timed out");
    }

    /** Returns how many more containers fit into the cluster; those of a lost node are not in it. */
    synchronized int free() {
        int used = 0;
        for (Application each : applications.values()) {
            used += each.attempt() == null ? 0 : each.attempt().running.size();
        }
        return faults.capacity - used;
    }

    /** Starts the ApplicationMasters that have waited for a free place. */
    synchronized void startWaiting() throws Exception {
        for (Application each : applications.values()) {
            boolean waits = each.state == YarnApplicationState.ACCEPTED && each.attempt() == null;
            if (waits && free() > 0) {
                startAttempt(each);
            }
        }
    }

    private void startAttempt(Application application) throws IOException, InterruptedException {
        Attempt attempt = new Attempt(ApplicationAttemptId.newInstance(application.id, application.attempts.size() + 1));
        application.attempts.add(attempt);
        application.state = YarnApplicationState.ACCEPTED;
        ContainerLaunchContext context = application.context.getAMContainerSpec();
        Credentials credentials = new Credentials();
        if (context.getTokens() != null) {
            DataInputByteBuffer input = new DataInputByteBuffer();
            input.reset(context.getTokens().duplicate());
            credentials.readTokenStorageStream(input);
        }
        var token = tokens.give(new AMRMTokenIdentifier(attempt.id, 1));
        credentials.addToken(new Text("AMRM"), token);
        DataOutputBuffer output = new DataOutputBuffer();
        credentials.writeTokenStorageToStream(output);
        Map<String, String> environment = new HashMap<>(context.getEnvironment());
        environment.put(ApplicationConstants.APPLICATION_WEB_PROXY_BASE_ENV, "/proxy/" + application.id);
        node.start(
                attempt.master,
                ContainerLaunchContext.newInstance(
                        context.getLocalResources(), environment, context.getCommands(),
                        null, ByteBuffer.wrap(output.getData(), 0, output.getLength()), null));
    }

    private synchronized void containerEnded(ContainerId container, int code) {
        try {
            Log.say("%s ended with exit code %d", container, code);
            Application application = find(container.getApplicationAttemptId().getApplicationId());
            Attempt attempt = application.attempts.get(container.getApplicationAttemptId().getAttemptId() - 1);
            attempt.completed(container, code, "Container exited with a non-zero exit code " + code + ".");
            if (container.equals(attempt.master) && attempt == application.attempt() && !attempt.lost) {
                endContainers(attempt, null);
                if (!application.hasEnded()) {
                    attemptFailed(application, "AM Container for " + attempt.id + " exited with exitCode: " + code);
                }
            }
            startWaiting();
        } catch (Exception error) {
            Log.say("%s: %s", container, error);
        }
    }

    private void attemptFailed(Application application, String diagnostics) throws Exception {
        if (application.mayTryAgain()) {
            Log.say("%s: %s; trying again", application.id, diagnostics);
            startAttempt(application);
            return;
        }
        String all = String.format(
                "Application %s failed %d times due to %s. Failing the application.",
                application.id, application.attempts.size(), diagnostics);
        application.end(YarnApplicationState.FAILED, FinalApplicationStatus.FAILED, all);
        endContainers(application, null);
    }

    /** Ends all containers of an application, also those on a lost node, but one. */
    void endContainers(Application application, ContainerId but) throws IOException, InterruptedException {
        for (Attempt each : application.attempts) {
            endContainers(each, but);
        }
    }

    private void endContainers(Attempt attempt, ContainerId but) throws IOException, InterruptedException {
        for (ContainerId each : List.copyOf(attempt.running)) {
            if (!each.equals(but)) {
                node.kill(each);
            }
        }
    }
}
