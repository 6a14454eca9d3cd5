import java.io.IOException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.apache.hadoop.ipc.Server;
import org.apache.hadoop.yarn.api.protocolrecords.*;
import org.apache.hadoop.yarn.api.records.*;
import org.apache.hadoop.yarn.security.AMRMTokenIdentifier;
import org.apache.hadoop.yarn.security.ContainerTokenIdentifier;
import org.apache.hadoop.yarn.security.NMTokenIdentifier;
import org.apache.hadoop.yarn.util.Records;

/** Plays the ResourceManager towards ApplicationMasters: gives them containers. Their tokens say who they are. */
final class Scheduler {
    private static final int KILLED_BY_APPLICATION = -105;

    private final ResourceManager manager;
    private final Tokens<ContainerTokenIdentifier> containerTokens =
            new Tokens<>(ContainerTokenIdentifier::new, () -> false);

    Scheduler(ResourceManager manager) {
        this.manager = manager;
    }

    public RegisterApplicationMasterResponse registerApplicationMaster(RegisterApplicationMasterRequest request)
            throws Exception {
        synchronized (manager) {
            Attempt attempt = caller();
            attempt.host = request.getHost();
            attempt.port = request.getRpcPort();
            attempt.trackingUrl = request.getTrackingUrl();
            application(attempt).state = YarnApplicationState.RUNNING;
            Log.say("%s: its ApplicationMaster has registered", attempt.id);
            return RegisterApplicationMasterResponse.newInstance(
                    Resource.newInstance(1, 1), ResourceManager.LARGEST, new HashMap<>(), null, new ArrayList<>(),
                    application(attempt).context.getQueue(), new ArrayList<>());
        }
    }

    public AllocateResponse allocate(AllocateRequest request) throws Exception {
        synchronized (manager) {
            Attempt attempt = caller();
            for (ContainerId each : request.getReleaseList()) {
                attempt.completed(each, KILLED_BY_APPLICATION, "Container released by application");
                manager.node.kill(each);
            }
            for (ResourceRequest each : request.getAskList()) {
                if (each.getResourceName().equals(ResourceRequest.ANY)) {
                    attempt.asked.put(Attempt.Kind.of(each), each.getNumContainers());
                }
            }
            List<Container> given = attempt.lost ? List.of() : give(attempt);
            AllocateResponse response = Records.newRecord(AllocateResponse.class);
            response.setResponseId(request.getResponseId() + 1);
            response.setAllocatedContainers(given);
            response.setNMTokens(given.isEmpty() ? List.of() : List.of(nodeToken(attempt)));
            response.setCompletedContainersStatuses(attempt.news());
            response.setUpdatedNodes(new ArrayList<>());
            response.setAvailableResources(ResourceManager.LARGEST);
            response.setNumClusterNodes(1);
            return response;
        }
    }

    public FinishApplicationMasterResponse finishApplicationMaster(FinishApplicationMasterRequest request)
            throws Exception {
        synchronized (manager) {
            Attempt attempt = caller();
            Application application = application(attempt);
            if (!attempt.lost && !application.hasEnded()) {
                String diagnostics = request.getDiagnostics() == null ? "" : request.getDiagnostics();
                application.end(
                        YarnApplicationState.FINISHED, request.getFinalApplicationStatus(), diagnostics);
                manager.endContainers(application, attempt.master);
            }
            return FinishApplicationMasterResponse.newInstance(true);
        }
    }

    private List<Container> give(Attempt attempt) {
        List<Container> given = new ArrayList<>();
        for (Map.Entry<Attempt.Kind, Integer> each : attempt.asked.entrySet()) {
            for (; each.getValue() > 0 && manager.free() > 0; each.setValue(each.getValue() - 1)) {
                ContainerId id = attempt.next();
                attempt.running.add(id);
                given.add(container(id, each.getKey(), application(attempt).user));
            }
        }
        return given;
    }

    private Container container(ContainerId id, Attempt.Kind kind, String user) {
        String address = manager.node.node.toString();
        ContainerTokenIdentifier identifier =
                new ContainerTokenIdentifier(
                        id, address, user, kind.size(), Long.MAX_VALUE, 1, 1, kind.priority(), 0);
        Container container =
                Container.newInstance(
                        id, manager.node.node, Rpc.LOOPBACK + ":0", kind.size(), kind.priority(),
                        containerTokens.record(identifier, address));
        container.setAllocationRequestId(kind.request());
        return container;
    }

    private NMToken nodeToken(Attempt attempt) {
        NodeId node = manager.node.node;
        NMTokenIdentifier identifier =
                new NMTokenIdentifier(attempt.id, node, application(attempt).user, 1);
        return NMToken.newInstance(node, manager.node.tokens.record(identifier, node.toString()));
    }

    private Attempt caller() throws IOException {
        for (var each : Server.getRemoteUser().getTokenIdentifiers()) {
            if (each instanceof AMRMTokenIdentifier token) {
                Application application = find(token.getApplicationAttemptId().getApplicationId());
                return application.attempts.get(token.getApplicationAttemptId().getAttemptId() - 1);
            }
        }
        throw new IOException("an ApplicationMaster must prove by a token who it is");
    }

    private Application application(Attempt attempt) {
        return find(attempt.id.getApplicationId());
    }

    private Application find(ApplicationId id) {
        return manager.applications().stream().filter(each -> each.id.equals(id)).findFirst().orElseThrow();
    }
}
