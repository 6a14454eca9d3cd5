import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.apache.hadoop.yarn.api.records.ApplicationAttemptId;
import org.apache.hadoop.yarn.api.records.ContainerId;
import org.apache.hadoop.yarn.api.records.ContainerState;
import org.apache.hadoop.yarn.api.records.ContainerStatus;
import org.apache.hadoop.yarn.api.records.Priority;
import org.apache.hadoop.yarn.api.records.Resource;
import org.apache.hadoop.yarn.api.records.ResourceRequest;

/** One life of an application's ApplicationMaster, with its containers. */
final class Attempt {
    /** What containers of one kind are asked for by; a new number replaces the earlier one. */
    record Kind(Priority priority, Resource size, long request) {
        static Kind of(ResourceRequest ask) {
            return new Kind(ask.getPriority(), ask.getCapability(), ask.getAllocationRequestId());
        }
    }

    final ApplicationAttemptId id;
    final ContainerId master;
    final Map<Kind, Integer> asked = new LinkedHashMap<>();
    final List<ContainerId> running = new ArrayList<>();
    String host = "N/A";
    int port = -1;
    String trackingUrl = "N/A";

    /** Whether the ResourceManager has given it up, although its processes may run on a node out of reach. */
    boolean lost;

    private final List<ContainerStatus> completed = new ArrayList<>();
    private long containers;

    Attempt(ApplicationAttemptId id) {
        this.id = id;
        master = next();
        running.add(master);
    }

    ContainerId next() {
        return ContainerId.newContainerId(id, ++containers);
    }

    void completed(ContainerId container, int exit, String diagnostics) {
        if (running.remove(container)) {
            completed.add(ContainerStatus.newInstance(container, ContainerState.COMPLETE, diagnostics, exit));
        }
    }

    /** Returns the containers that have ended since the last call. */
    List<ContainerStatus> news() {
        List<ContainerStatus> found = new ArrayList<>(completed);
        completed.clear();
        return found;
    }
}
