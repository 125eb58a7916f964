import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;
import org.apache.flink.api.common.JobID;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.runtime.execution.ExecutionState;
import org.apache.flink.runtime.executiongraph.AccessExecutionGraph;
import org.apache.flink.runtime.executiongraph.AccessExecutionVertex;
import org.apache.flink.runtime.jobgraph.JobGraph;
import org.apache.flink.runtime.jobgraph.SavepointRestoreSettings;
import org.apache.flink.runtime.minicluster.MiniCluster;
import org.apache.flink.runtime.minicluster.MiniClusterConfiguration;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;

/** Runs jobs on a mini cluster, and tells how Flink takes them. */
final class Restore implements AutoCloseable {
    final MiniCluster cluster;

    Restore() throws Exception {
        Configuration conf = new Configuration();
        conf.setString("taskmanager.memory.segment-size", "4kb");
        conf.setString("rest.port", "0");
        conf.setString("rest.bind-port", "0");
        conf.setString("rest.address", "localhost");
        cluster = new MiniCluster(new MiniClusterConfiguration.Builder()
                .setConfiguration(conf).setNumTaskManagers(1).setNumSlotsPerTaskManager(4).build());
        cluster.start();
    }

    /** Settings of all jobs, given more. */
    static StreamExecutionEnvironment environment(String directory, Map<String, String> more) {
        Configuration conf = new Configuration();
        conf.setString("execution.checkpointing.interval", "1 h");
        conf.setString("execution.checkpointing.externalized-checkpoint-retention", "RETAIN_ON_CANCELLATION");
        conf.setString("execution.checkpointing.dir", directory);
        conf.setString("restart-strategy.type", "none");
        more.forEach(conf::setString);
        StreamExecutionEnvironment env = StreamExecutionEnvironment.getExecutionEnvironment(conf);
        env.setParallelism(1);
        env.setMaxParallelism(8);
        return env;
    }

    /** Starts a job and waits until all tasks run or have ended, and for so long after that. */
    void run(JobGraph job, long millis) throws Exception {
        cluster.submitJob(job).get();
        long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(60);
        for (long from = 0; from == 0 || System.nanoTime() < from + TimeUnit.MILLISECONDS.toNanos(millis); Thread.sleep(20)) {
            AccessExecutionGraph graph = cluster.getExecutionGraph(job.getJobID()).get();
            if (graph.getFailureInfo() != null) {
                throw new IllegalStateException(reason(graph.getFailureInfo().getExceptionAsString()));
            }
            boolean runs = true;
            for (AccessExecutionVertex vertex : graph.getAllExecutionVertices()) {
                ExecutionState state = vertex.getExecutionState();
                runs &= state == ExecutionState.RUNNING || state == ExecutionState.FINISHED;
            }
            if (runs && from == 0) {
                from = System.nanoTime();
            }
            if (System.nanoTime() > end) {
                throw new IllegalStateException("not running after 60 s");
            }
        }
    }

    /** Takes checkpoints until a task has ended: one that is through with its input does so with the next. Some are declined. */
    void awaitEnded(JobID job) throws Exception {
        for (int tries = 0; tries < 60; tries++) {
            for (AccessExecutionVertex vertex : cluster.getExecutionGraph(job).get().getAllExecutionVertices()) {
                if (vertex.getExecutionState() == ExecutionState.FINISHED) {
                    return;
                }
            }
            cluster.triggerCheckpoint(job).handle((place, declined) -> null).get();
            Thread.sleep(500);
        }
        throw new IllegalStateException("no task has ended");
    }

    void end(JobID job) throws Exception {
        if (!cluster.getJobStatus(job).get().isGloballyTerminalState()) {
            cluster.cancelJob(job).get();
        }
        cluster.requestJobResult(job).get();
    }

    /** Restores a job, with -n if it does not without. Returns as-is, with-n or fails; the facts of the last run; why. */
    String restored(String place, Supplier<StreamExecutionEnvironment> job, Runnable start, Supplier<String> facts) throws Exception {
        String why = "";
        for (boolean allowed : new boolean[] {false, true}) {
            start.run();
            JobGraph graph = job.get().getStreamGraph().getJobGraph();
            graph.setSavepointRestoreSettings(SavepointRestoreSettings.forPath(place, allowed));
            try {
                run(graph, 3000);
                end(graph.getJobID());
                return (allowed ? "with-n" : "as-is") + "\t" + facts.get() + "\t" + why;
            } catch (IllegalStateException failed) {
                why = why.isEmpty() ? failed.getMessage() : why + "; with -n " + failed.getMessage();
                end(graph.getJobID());
            }
        }
        return "fails\t" + facts.get() + "\t" + why;
    }

    private static String reason(String trace) {
        String reason = trace;
        for (String line : trace.split("\n")) {
            if (line.startsWith("Caused by: ")) {
                reason = line.substring("Caused by: ".length());
            }
        }
        reason = reason.split("\n")[0].replace('\t', ' ');
        return reason.substring(0, Math.min(110, reason.length()));
    }

    @Override
    public void close() throws Exception {
        cluster.close();
    }
}
