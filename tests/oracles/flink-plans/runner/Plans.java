import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
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
import org.apache.flink.table.api.EnvironmentSettings;
import org.apache.flink.table.api.PlanReference;
import org.apache.flink.table.api.TableEnvironment;

/**
 * Asks real Flink. Reads lines from standard input:
 * compile SCRIPT PLAN writes the compiled plan of a script's last statement;
 * write DIRECTORY PLAN runs a plan and prints the place of its savepoint;
 * restore SAVEPOINT PLAN prints as-is, with-n or fails, and why.
 */
final class Plans extends StreamExecutionEnvironment {
    private static StreamGraph taken;

    private Plans(Configuration configuration) {
        super(configuration);
    }

    @Override
    public JobExecutionResult execute(StreamGraph graph) {
        taken = graph;
        return new JobExecutionResult(new JobID(), 0, Map.of());
    }

    @Override
    public JobClient executeAsync(StreamGraph graph) {
        taken = graph;
        return (JobClient) java.lang.reflect.Proxy.newProxyInstance(
                Plans.class.getClassLoader(), new Class<?>[] {JobClient.class},
                (proxy, method, args) -> method.getName().equals("getJobID") ? new JobID() : null);
    }

    private static TableEnvironment tables() {
        TableEnvironment tables = TableEnvironment.create(EnvironmentSettings.inStreamingMode());
        tables.getConfig().set("parallelism.default", "1");
        tables.getConfig().set("pipeline.max-parallelism", "8");
        return tables;
    }

    /** Runs the statements of a script but the last one, whose plan it writes; `SET name = value` too. */
    private static String compile(String script, Path plan) throws Exception {
        TableEnvironment tables = tables();
        String[] statements = Files.readString(Path.of(script)).split(";\\s*\n");
        for (int i = 0; i < statements.length - 1; i++) {
            String statement = statements[i].trim();
            if (statement.startsWith("SET ")) {
                String[] set = statement.substring(4).split("=", 2);
                tables.getConfig().set(set[0].trim(), set[1].trim());
            } else {
                tables.executeSql(statement);
            }
        }
        tables.compilePlanSql(statements[statements.length - 1].trim()).writeToFile(plan.toFile());
        return "compiled";
    }

    private static JobGraph graph(String plan) throws Exception {
        taken = null;
        tables().loadPlan(PlanReference.fromFile(plan)).execute();
        return taken.getJobGraph(Plans.class.getClassLoader(), new JobID());
    }

    private static JobID run(MiniCluster cluster, JobGraph job) throws Exception {
        cluster.submitJob(job).get();
        long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(60);
        while (true) {
            AccessExecutionGraph graph = cluster.getExecutionGraph(job.getJobID()).get();
            if (graph.getFailureInfo() != null) {
                String trace = graph.getFailureInfo().getExceptionAsString();
                cancel(cluster, job.getJobID());
                throw new IllegalStateException(reason(trace));
            }
            if (graph.getState() == JobStatus.RUNNING && running(graph)) {
                return job.getJobID();
            }
            if (System.nanoTime() > end) {
                cancel(cluster, job.getJobID());
                throw new IllegalStateException("not running after 60 s");
            }
            Thread.sleep(20);
        }
    }

    /** A task that runs has opened its operators, which have registered their states. */
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
        return reason.substring(0, Math.min(200, reason.length()));
    }

    private static String restored(MiniCluster cluster, String savepoint, String plan) throws Exception {
        String strict = null;
        for (boolean allowed : new boolean[] {false, true}) {
            try {
                JobGraph graph = graph(plan);
                graph.setSavepointRestoreSettings(SavepointRestoreSettings.forPath(savepoint, allowed));
                cancel(cluster, run(cluster, graph));
                return (allowed ? "with-n" : "as-is") + "\t" + (strict == null ? "" : strict);
            } catch (Exception error) {
                strict = error instanceof IllegalStateException ? error.getMessage() : reason(error.toString());
            }
        }
        return "fails\t" + strict;
    }

    private static String answer(MiniCluster cluster, String[] words) throws Exception {
        switch (words[0]) {
            case "compile":
                return compile(words[1], Path.of(words[2]));
            case "write":
                JobID job = run(cluster, graph(words[2]));
                Thread.sleep(1500);
                String directory = Path.of(words[1]).toUri().toString();
                String place = cluster.triggerSavepoint(job, directory, true, SavepointFormatType.CANONICAL).get();
                cluster.requestJobResult(job).get();
                return place;
            default:
                return restored(cluster, words[1], words[2]);
        }
    }

    public static void main(String[] args) throws Exception {
        // Libraries warn on standard output.
        PrintStream answers = System.out;
        System.setOut(System.err);
        initializeContextEnvironment(given -> new Plans(new Configuration(given)));
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
                String answer;
                try {
                    answer = answer(cluster, line.split(" "));
                } catch (Exception error) {
                    answer = "error\t" + reason(error + "\nCaused by: " + error).replace('\n', ' ');
                    error.printStackTrace();
                }
                answers.println(answer);
            }
        }
        answers.flush();
        Runtime.getRuntime().halt(0);
    }
}
