import java.nio.file.Path;
import java.util.concurrent.TimeUnit;
import org.apache.flink.api.common.JobID;
import org.apache.flink.configuration.CheckpointingOptions;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.configuration.ExternalizedCheckpointRetention;
import org.apache.flink.configuration.MemorySize;
import org.apache.flink.configuration.RestartStrategyOptions;
import org.apache.flink.configuration.StateBackendOptions;
import org.apache.flink.configuration.TaskManagerOptions;
import org.apache.flink.core.execution.SavepointFormatType;
import org.apache.flink.runtime.execution.ExecutionState;
import org.apache.flink.runtime.jobgraph.JobGraph;
import org.apache.flink.runtime.minicluster.MiniCluster;
import org.apache.flink.runtime.minicluster.MiniClusterConfiguration;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;
import org.apache.flink.streaming.api.functions.source.legacy.SourceFunction;

/** One local cluster whose jobs read numbers into state, have one snapshot taken and end. */
final class Control implements AutoCloseable {
    /** What snapshot to take, and of which backend. */
    enum Layout {
        HASHMAP_CANONICAL("hashmap", false, SavepointFormatType.CANONICAL),
        HASHMAP_NATIVE("hashmap", false, SavepointFormatType.NATIVE),
        ROCKSDB_CANONICAL("rocksdb", false, SavepointFormatType.CANONICAL),
        ROCKSDB_NATIVE("rocksdb", true, SavepointFormatType.NATIVE),
        ROCKSDB_INCREMENTAL("rocksdb", true, null),
        HASHMAP_CHECKPOINT("hashmap", false, null);

        final String backend;
        final boolean incremental;
        final SavepointFormatType format;

        Layout(String backend, boolean incremental, SavepointFormatType format) {
            this.backend = backend;
            this.incremental = incremental;
            this.format = format;
        }

        static Layout named(String name) {
            return valueOf(name.toUpperCase().replace('-', '_'));
        }
    }

    /** Gives the numbers from 0 and then waits, so that a snapshot finds everything in state. */
    static final class Numbers implements SourceFunction<Long> {
        static volatile boolean done;
        private final long count;
        private volatile boolean running = true;

        Numbers(long count) {
            this.count = count;
        }

        @Override
        public void run(SourceContext<Long> context) throws Exception {
            for (long number = 0; number < count && running; number++) {
                synchronized (context.getCheckpointLock()) {
                    context.collect(number);
                }
            }
            done = true;
            while (running) {
                Thread.sleep(20);
            }
        }

        @Override
        public void cancel() {
            running = false;
        }
    }

    private final MiniCluster cluster;

    Control(int slots) throws Exception {
        Configuration conf = new Configuration();
        conf.set(TaskManagerOptions.MANAGED_MEMORY_SIZE, MemorySize.ofMebiBytes(256));
        cluster = new MiniCluster(new MiniClusterConfiguration.Builder()
                .setConfiguration(conf)
                .setNumTaskManagers(1)
                .setNumSlotsPerTaskManager(slots)
                .withRandomPorts()
                .build());
        cluster.start();
    }

    /** Makes an environment for a job whose snapshot is to have this layout. */
    static StreamExecutionEnvironment environment(Layout layout, Path directory, int parallelism) {
        Configuration conf = new Configuration();
        conf.set(StateBackendOptions.STATE_BACKEND, layout.backend);
        conf.set(CheckpointingOptions.INCREMENTAL_CHECKPOINTS, layout.incremental);
        conf.set(CheckpointingOptions.CHECKPOINTS_DIRECTORY, directory.toUri().toString());
        conf.set(CheckpointingOptions.FS_SMALL_FILE_THRESHOLD, MemorySize.ZERO);
        conf.set(RestartStrategyOptions.RESTART_STRATEGY, "none");
        conf.set(CheckpointingOptions.EXTERNALIZED_CHECKPOINT_RETENTION,
                ExternalizedCheckpointRetention.RETAIN_ON_CANCELLATION);
        StreamExecutionEnvironment env = StreamExecutionEnvironment.createLocalEnvironment(parallelism, conf);
        env.setMaxParallelism(128);
        env.enableCheckpointing(TimeUnit.DAYS.toMillis(1));
        return env;
    }

    /** Runs the job until its source has given everything, takes the snapshot and returns where it is. */
    Path snapshot(StreamExecutionEnvironment env, Layout layout, Path directory) throws Exception {
        Numbers.done = false;
        JobGraph graph = env.getStreamGraph().getJobGraph();
        JobID job = cluster.submitJob(graph).get().getJobID();
        while (!Numbers.done || !allRunning(job)) {
            Thread.sleep(20);
            if (cluster.getJobStatus(job).get().isGloballyTerminalState()) {
                cluster.requestJobResult(job).get().toJobExecutionResult(Control.class.getClassLoader());
                throw new IllegalStateException("the job ended before its snapshot");
            }
        }
        String place;
        if (layout.format != null) {
            place = cluster.stopWithSavepoint(job, directory.toUri().toString(), false, layout.format).get();
        } else {
            place = cluster.triggerCheckpoint(job).get();
            cluster.cancelJob(job).get();
        }
        cluster.requestJobResult(job).get();
        return Path.of(java.net.URI.create(place));
    }

    /** Runs a job to its end. */
    void run(JobGraph graph) throws Exception {
        JobID job = cluster.submitJob(graph).get().getJobID();
        cluster.requestJobResult(job).get().toJobExecutionResult(Control.class.getClassLoader());
    }

    /** A snapshot is refused while a task is still being deployed. */
    private boolean allRunning(JobID job) throws Exception {
        for (var vertex : cluster.getExecutionGraph(job).get().getAllExecutionVertices()) {
            if (vertex.getExecutionState() != ExecutionState.RUNNING) {
                return false;
            }
        }
        return true;
    }

    @Override
    public void close() throws Exception {
        cluster.close();
    }
}
