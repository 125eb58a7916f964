package alluvium.describe;

import java.util.ArrayList;
import java.util.List;
import org.apache.flink.api.common.JobExecutionResult;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.core.execution.JobClient;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;
import org.apache.flink.streaming.api.graph.StreamGraph;

/** The environment that a job's main gets: it takes the stream graph where Flink's own would execute it. */
final class Capture extends StreamExecutionEnvironment {
    /** Ends a main that waits for its job; an Error, so that a main that catches exceptions ends as well. */
    static final class Taken extends Error {
        private static final long serialVersionUID = 1L;

        Taken() {
            super("the stream graph is taken, the job is not executed", null, false, false);
        }
    }

    static final List<StreamGraph> GRAPHS = new ArrayList<>();

    /** What the environment of the first graph was configured with, by the job and from outside. */
    static Configuration configured = new Configuration();

    private Capture(Configuration configuration) {
        super(configuration);
    }

    /** From here on, getExecutionEnvironment() answers with this environment. */
    static void install(Configuration base) {
        initializeContextEnvironment(given -> {
            Configuration configuration = new Configuration(base);
            configuration.addAll(given);
            return new Capture(configuration);
        });
    }

    @Override
    public JobExecutionResult execute(StreamGraph graph) {
        take(graph);
        throw new Taken();
    }

    @Override
    public JobClient executeAsync(StreamGraph graph) {
        take(graph);
        return StandIn.client();
    }

    private void take(StreamGraph graph) {
        if (GRAPHS.isEmpty()) {
            configured = new Configuration(configuration);
        }
        GRAPHS.add(graph);
    }
}
