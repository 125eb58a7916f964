import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.concurrent.TimeUnit;
import org.apache.flink.api.common.JobExecutionResult;
import org.apache.flink.api.common.JobID;
import org.apache.flink.api.common.JobStatus;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.core.execution.JobClient;
import org.apache.flink.core.execution.SavepointFormatType;
import org.apache.flink.runtime.execution.ExecutionState;
import org.apache.flink.runtime.executiongraph.AccessExecutionGraph;
import org.apache.flink.runtime.executiongraph.AccessExecutionVertex;
import org.apache.flink.runtime.jobgraph.JobGraph;
import org.apache.flink.runtime.jobgraph.SavepointRestoreSettings;
import org.apache.flink.runtime.minicluster.MiniCluster;
import org.apache.flink.runtime.minicluster.MiniClusterConfiguration;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;
import org.apache.flink.streaming.api.graph.StreamGraph;

/**
 * Asks real Flink. Reads lines from standard input:
 * write DIRECTORY JAR CLASS ARGS… runs the job on its ten records and prints the place of its savepoint;
 * restore SAVEPOINT JAR CLASS ARGS… prints as-is, with-n or fails, and why.
 */
final class Restore extends StreamExecutionEnvironment {
    private static StreamGraph taken;

    private Restore(Configuration configuration) {
        super(configuration);
    }

    @Override
    public JobExecutionResult execute(StreamGraph graph) {
        taken = graph;
        return new JobExecutionResult(new JobID(), 0, java.util.Map.of());
    }

    @Override
    public JobClient executeAsync(StreamGraph graph) {
        taken = graph;
        return null;
    }

    private static JobGraph graph(String[] words) throws Exception {
        URL jar = Path.of(words[2]).toUri().toURL();
        ClassLoader before = Thread.currentThread().getContextClassLoader();
        try (URLClassLoader loader = new URLClassLoader(new URL[] {jar}, before)) {
            Thread.currentThread().setContextClassLoader(loader);
            taken = null;
            Object args = Arrays.copyOfRange(words, 4, words.length);
            loader.loadClass(words[3]).getMethod("main", String[].class).invoke(null, args);
            JobGraph graph = taken.getJobGraph(loader, new JobID());
            graph.addJar(new org.apache.flink.core.fs.Path(jar.toURI()));
            return graph;
        } finally {
            Thread.currentThread().setContextClassLoader(before);
        }
    }

    /** Runs a job until all ten records went through it. */
    private static JobID run(MiniCluster cluster, JobGraph job) throws Exception {
        System.getProperties().put("evo.seen", 0);
        cluster.submitJob(job).get();
        long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(60);
        while (true) {
            AccessExecutionGraph graph = cluster.getExecutionGraph(job.getJobID()).get();
            if (graph.getFailureInfo() != null) {
                String trace = graph.getFailureInfo().getExceptionAsString();
                cancel(cluster, job.getJobID());
                throw new IllegalStateException(reason(trace));
            }
            boolean seen = (Integer) System.getProperties().get("evo.seen") >= 10;
            if (graph.getState() == JobStatus.RUNNING && running(graph) && seen) {
                return job.getJobID();
            }
            if (System.nanoTime() > end) {
                cancel(cluster, job.getJobID());
                throw new IllegalStateException("not running after 60 s");
            }
            Thread.sleep(20);
        }
    }

    private static boolean running(AccessExecutionGraph graph) {
        for (AccessExecutionVertex vertex : graph.getAllExecutionVertices()) {
            if (vertex.getExecutionState() != ExecutionState.RUNNING) {
                return false;
            }
        }
        return true;
    }

    private static void cancel(MiniCluster cluster, JobID job) throws Exception {
        if (!cluster.getJobStatus(job).get().isGloballyTerminalState()) {
            try {
                cluster.cancelJob(job).get();
            } catch (java.util.concurrent.ExecutionException ended) {
                // It failed in between.
            }
        }
        cluster.requestJobResult(job).get();
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

    private static String restored(MiniCluster cluster, String[] words) throws Exception {
        String strict = null;
        for (boolean allowed : new boolean[] {false, true}) {
            try {
                JobGraph graph = graph(words);
                graph.setSavepointRestoreSettings(SavepointRestoreSettings.forPath(words[1], allowed));
                cancel(cluster, run(cluster, graph));
                return (allowed ? "with-n" : "as-is") + "\t" + (strict == null ? "" : strict);
            } catch (Exception error) {
                strict = error instanceof IllegalStateException ? error.getMessage() : reason(error.toString());
            }
        }
        return "fails\t" + strict;
    }

    public static void main(String[] args) throws Exception {
        // Libraries warn on standard output.
        PrintStream answers = System.out;
        System.setOut(System.err);
        initializeContextEnvironment(given -> new Restore(new Configuration(given)));
        Configuration conf = new Configuration();
        conf.setString("taskmanager.memory.managed.size", "128m");
        conf.setString("rest.port", "0");
        conf.setString("rest.bind-port", "0");
        conf.setString("rest.address", "localhost");
        try (MiniCluster cluster = new MiniCluster(new MiniClusterConfiguration.Builder()
                .setConfiguration(conf).setNumTaskManagers(1).setNumSlotsPerTaskManager(4).build())) {
            cluster.start();
            BufferedReader lines = new BufferedReader(new InputStreamReader(System.in));
            for (String line = lines.readLine(); line != null; line = lines.readLine()) {
                String[] words = line.split(" ");
                if (words[0].equals("write")) {
                    JobID job = run(cluster, graph(words));
                    String directory = Path.of(words[1]).toUri().toString();
                    answers.println(cluster.stopWithSavepoint(job, directory, false, SavepointFormatType.CANONICAL).get());
                } else {
                    answers.println(restored(cluster, words));
                }
            }
        }
        answers.flush();
        Runtime.getRuntime().halt(0);
    }
}
