package alluvium.describe;

import java.lang.reflect.InvocationTargetException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.jar.Attributes;
import java.util.jar.JarFile;
import org.apache.flink.api.common.JobID;
import org.apache.flink.api.common.JobStatus;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.core.execution.SavepointFormatType;
import org.apache.flink.runtime.execution.ExecutionState;
import org.apache.flink.runtime.executiongraph.AccessExecutionGraph;
import org.apache.flink.runtime.executiongraph.AccessExecutionVertex;
import org.apache.flink.runtime.jobgraph.JobGraph;
import org.apache.flink.runtime.jobgraph.JobType;
import org.apache.flink.runtime.minicluster.MiniCluster;
import org.apache.flink.runtime.minicluster.MiniClusterConfiguration;
import org.apache.flink.runtime.util.EnvironmentInformation;

/**
 * Describes a job of Flink from its jar: Describe DIRECTORY JAR SECONDS [-class NAME] [-probe FILE] [-D KEY=VALUE]… [-- ARGS…].
 *
 * <p>Writes into the directory a canonical savepoint of the job, which ran without its sources and sinks, and
 * job.json, which says what a savepoint does not; failure.txt if it could not.
 */
public final class Describe {
    /** The job cannot be described, and the message says all about it. */
    static final class Failure extends Exception {
        private static final long serialVersionUID = 1L;

        Failure(String message) {
            super(message);
        }
    }

    private static final Set<String> WARNINGS = Collections.synchronizedSet(new LinkedHashSet<>());

    private final Path directory;
    private final String jar;
    private final long seconds;
    private String main;
    private String probe;
    private final Configuration configuration = new Configuration();
    private final List<String> rest = new ArrayList<>();

    private Describe(String[] args) {
        directory = Path.of(args[0]).toAbsolutePath();
        jar = args[1];
        seconds = Long.parseLong(args[2]);
        int at = 3;
        while (at < args.length && !args[at].equals("--")) {
            if (args[at].equals("-class")) {
                main = args[at + 1];
            } else if (args[at].equals("-probe")) {
                probe = args[at + 1];
            } else {
                int equals = args[at + 1].indexOf('=');
                configuration.setString(args[at + 1].substring(0, equals), args[at + 1].substring(equals + 1));
            }
            at += 2;
        }
        rest.addAll(Arrays.asList(args).subList(Math.min(args.length, at + 1), args.length));
    }

    static void warn(String warning) {
        WARNINGS.add(warning);
    }

    /** Whatever the job says of checkpoints, they go into this directory. */
    static void keepInside(Configuration configuration, String directory) {
        for (String key : List.of("state.checkpoint-storage", "execution.checkpointing.storage")) {
            configuration.setString(key, "filesystem");
        }
        for (String key : List.of("state.checkpoints.dir", "execution.checkpointing.dir", "state.savepoints.dir",
                "execution.checkpointing.savepoint-dir")) {
            configuration.setString(key, directory);
        }
    }

    public static void main(String[] args) throws Exception {
        Describe describe = new Describe(args);
        int code = 1;
        try {
            describe.run();
            code = 0;
        } catch (Failure failure) {
            describe.write("failure.txt", failure.getMessage());
        } catch (Throwable error) {
            error.printStackTrace();
            describe.write("failure.txt", error.toString());
        }
        System.err.flush();
        Runtime.getRuntime().halt(code);
    }

    private void run() throws Exception {
        Capture.install(configuration);
        runMain();
        if (Capture.GRAPHS.isEmpty()) {
            throw new Failure("the main of " + mainClass() + " ended without executing a job");
        }
        if (Capture.GRAPHS.size() > 1) {
            warn("main executes " + Capture.GRAPHS.size() + " jobs; this is the first");
        }
        Graph graph = new Graph(Capture.GRAPHS.get(0));
        String backend = graph.backend(Capture.configured);
        Map<Integer, Probe> probes = probe == null ? Map.of() : Probe.read(probe, graph.sources());
        int records = probes.values().stream().mapToInt(Probe::size).sum();
        graph.replaceEnds(probes);
        JobGraph job = graph.toJobGraph(directory.resolve("checkpoints").toUri().toString());
        if (job.getJobType() == JobType.BATCH) {
            throw new Failure("the job runs in batch mode, in which no state outlives it");
        }
        boolean forst = "forst".equals(backend);
        String savepoint = savepoint(job, forst ? SavepointFormatType.NATIVE : SavepointFormatType.CANONICAL, records);
        Json json = new Json().object();
        json.member("version", 1);
        json.member("flink", EnvironmentInformation.getVersion());
        json.member("name", job.getName());
        json.member("backend", backend);
        json.member("savepoint", Path.of(java.net.URI.create(savepoint)).toString());
        graph.describe(json, records > 0);
        json.array("warnings");
        WARNINGS.forEach(json::element);
        json.endArray();
        json.end();
        write("job.json", json.toString());
    }

    private String mainClass() throws Exception {
        if (main != null) {
            return main;
        }
        try (JarFile file = new JarFile(jar)) {
            boolean none = file.getManifest() == null;
            Attributes attributes = none ? new Attributes() : file.getManifest().getMainAttributes();
            String named = attributes.getValue("program-class");
            named = named == null ? attributes.getValue(Attributes.Name.MAIN_CLASS) : named;
            if (named == null) {
                throw new Failure("the manifest of " + jar + " names no main class; --class says which");
            }
            return named;
        }
    }

    private void runMain() throws Exception {
        String name = mainClass();
        try {
            Class.forName(name).getMethod("main", String[].class).invoke(null, (Object) rest.toArray(new String[0]));
        } catch (ClassNotFoundException error) {
            throw new Failure("there is no class " + error.getMessage());
        } catch (NoSuchMethodException error) {
            throw new Failure("class " + name + " has no main");
        } catch (InvocationTargetException error) {
            for (Throwable cause = error; cause != null; cause = cause.getCause()) {
                if (cause instanceof Capture.Taken) {
                    return;
                }
                if (cause instanceof Refuse.Refused) {
                    throw new Failure(cause.getMessage());
                }
            }
            error.getCause().printStackTrace();
            throw new Failure("main of " + name + " failed: " + error.getCause());
        }
    }

    /**
     * Runs the job until every task runs, which is after all operators are open, and the probe's records are given; then
     * takes a savepoint, whose barriers come behind those records.
     */
    private String savepoint(JobGraph job, SavepointFormatType format, int records) throws Exception {
        Configuration cluster = new Configuration();
        keepInside(cluster, directory.resolve("checkpoints").toUri().toString());
        cluster.setString("rest.address", "localhost");
        cluster.setString("rest.port", "0");
        cluster.setString("rest.bind-port", "0");
        cluster.setString("taskmanager.memory.managed.size", "128m");
        cluster.setString("taskmanager.memory.network.min", "128m");
        cluster.setString("taskmanager.memory.network.max", "128m");
        MiniCluster mini = new MiniCluster(new MiniClusterConfiguration.Builder()
                .setConfiguration(cluster)
                .setNumTaskManagers(1)
                .setNumSlotsPerTaskManager(Math.max(1, job.getSlotSharingGroups().size()))
                .build());
        mini.start();
        JobID id = mini.submitJob(job).get().getJobID();
        long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(seconds);
        String waiting = waiting(mini.getExecutionGraph(id).get());
        while (waiting != null || Probe.GIVEN.get() < records) {
            if (System.nanoTime() > end) {
                throw new Failure("after " + seconds + " s, "
                        + (waiting == null ? "the probe's records are not all taken" : "this does not run yet: " + waiting));
            }
            Thread.sleep(20);
            waiting = waiting(mini.getExecutionGraph(id).get());
        }
        try {
            return mini.triggerSavepoint(id, directory.toUri().toString(), true, format).get(seconds, TimeUnit.SECONDS);
        } catch (ExecutionException error) {
            waiting(mini.getExecutionGraph(id).get());
            throw error;
        }
    }

    /** Names a task that does not run yet; null when all do. */
    private static String waiting(AccessExecutionGraph graph) throws Failure {
        if (graph.getFailureInfo() != null) {
            String trace = graph.getFailureInfo().getExceptionAsString();
            System.err.println(trace);
            throw new Failure("the job failed as its operators opened or took records: " + cause(trace));
        }
        if (graph.getState().isTerminalState()) {
            throw new Failure("the job ended without data");
        }
        if (graph.getState() != JobStatus.RUNNING) {
            return "the job";
        }
        for (AccessExecutionVertex vertex : graph.getAllExecutionVertices()) {
            if (vertex.getExecutionState() != ExecutionState.RUNNING) {
                return vertex.getTaskNameWithSubtaskIndex();
            }
        }
        return null;
    }

    /** The first line of the last cause in a stack trace. */
    private static String cause(String trace) {
        String cause = trace;
        for (String line : trace.split("\n")) {
            cause = line.startsWith("Caused by: ") ? line.substring("Caused by: ".length()) : cause;
        }
        return cause.split("\n")[0];
    }

    private void write(String name, String text) throws Exception {
        Files.write(directory.resolve(name), text.getBytes(StandardCharsets.UTF_8));
    }
}
