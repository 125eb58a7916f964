package alluvium.describe;

import java.lang.reflect.Field;
import java.lang.reflect.Method;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.runtime.OperatorIDPair;
import org.apache.flink.runtime.jobgraph.JobGraph;
import org.apache.flink.runtime.jobgraph.JobVertex;
import org.apache.flink.runtime.jobgraph.SavepointRestoreSettings;
import org.apache.flink.runtime.state.KeyGroupRangeAssignment;
import org.apache.flink.streaming.api.graph.StreamEdge;
import org.apache.flink.streaming.api.graph.StreamGraph;
import org.apache.flink.streaming.api.graph.StreamGraphHasherV2;
import org.apache.flink.streaming.api.graph.StreamGraphUserHashHasher;
import org.apache.flink.streaming.api.graph.StreamNode;
import org.apache.flink.streaming.api.operators.AbstractUdfStreamOperator;
import org.apache.flink.streaming.api.operators.SimpleOperatorFactory;
import org.apache.flink.streaming.api.operators.SourceOperatorFactory;
import org.apache.flink.streaming.api.operators.StreamOperatorFactory;

/** The stream graph of a job: its ends are replaced, all that gives operators their ids stays. */
final class Graph {
    private static final Set<String> WITHOUT_STATE = Set.of("EventTimeTrigger", "ProcessingTimeTrigger", "NeverTrigger",
            "AsyncEventTimeTrigger", "AsyncProcessingTimeTrigger", "EndOfStreamTrigger");

    private final StreamGraph graph;
    private final Map<Integer, StreamNode> nodes = new TreeMap<>();
    private final Map<Integer, String> replaced = new TreeMap<>();
    /** The first operators of their chains, by the ids of all operators; there are none before the job graph is made. */
    private final Map<String, String> chains = new TreeMap<>();

    Graph(StreamGraph graph) {
        this.graph = graph;
        for (StreamNode node : graph.getStreamNodes()) {
            nodes.put(node.getId(), node);
        }
    }

    /** The sources, by their nodes. */
    Map<Integer, StreamNode> sources() {
        Map<Integer, StreamNode> sources = new TreeMap<>(nodes);
        sources.values().removeIf(node -> !node.getInEdges().isEmpty());
        return sources;
    }

    /** Puts something idle in the place of every source and sink; a source first gives the records of its probe. */
    void replaceEnds(Map<Integer, Probe> probes) throws ReflectiveOperationException {
        for (StreamNode node : nodes.values()) {
            Probe probe = probes.getOrDefault(node.getId(), Probe.none());
            StreamOperatorFactory<?> factory = node.getOperatorFactory();
            String kind = factory.getClass().getSimpleName();
            if (factory instanceof SourceOperatorFactory) {
                set(factory, SourceOperatorFactory.class, "source", new IdleSource<>(probe));
                replaced.put(node.getId(), "source");
            } else if (kind.equals("SinkWriterOperatorFactory") || kind.equals("CommitterOperatorFactory")) {
                Object sink = get(factory, factory.getClass(), "sink");
                set(factory, factory.getClass(), "sink", StandIn.sink(sink, node.getOperatorName()));
                replaced.put(node.getId(), "sink");
            } else if (factory instanceof SimpleOperatorFactory && !kind.startsWith("CollectSink")) {
                replaceFunction(node, ((SimpleOperatorFactory<?>) factory).getOperator(), probe);
            }
            node.setInputFormat(null);
            node.setOutputFormat(null);
        }
    }

    private void replaceFunction(StreamNode node, Object operator, Probe probe) throws ReflectiveOperationException {
        if (!(operator instanceof AbstractUdfStreamOperator)) {
            return;
        }
        Object function = ((AbstractUdfStreamOperator<?, ?>) operator).getUserFunction();
        boolean source = StandIn.is(function, "SourceFunction");
        if (source || StandIn.is(function, "SinkFunction")) {
            Object standIn = StandIn.function(function, node.getOperatorName(), probe);
            set(operator, AbstractUdfStreamOperator.class, "userFunction", standIn);
            replaced.put(node.getId(), source ? "source" : "sink");
        }
    }

    /** Makes the job graph: one subtask of each vertex, its number of key groups as it would be. */
    JobGraph toJobGraph(String directory) {
        if (graph.getCheckpointConfig().isCheckpointingEnabled()) {
            graph.getCheckpointConfig().setCheckpointInterval(1000L * 3600 * 24 * 365);
        }
        graph.setCheckpointStorage(null);
        JobGraph job = graph.getJobGraph();
        Describe.keepInside(job.getJobConfiguration(), directory);
        job.setSavepointRestoreSettings(SavepointRestoreSettings.none());
        for (JobVertex vertex : job.getVertices()) {
            if (vertex.getMaxParallelism() <= 0) {
                vertex.setMaxParallelism(keyGroups(vertex.getParallelism()));
            }
            vertex.setParallelism(1);
            for (OperatorIDPair operator : vertex.getOperatorIDs()) {
                chains.put(operator.getGeneratedOperatorID().toHexString(), vertex.getID().toHexString());
            }
        }
        return job;
    }

    private static int keyGroups(int parallelism) {
        return KeyGroupRangeAssignment.computeDefaultMaxParallelism(Math.max(1, parallelism));
    }

    /** Writes what the savepoint does not say. */
    void describe(Json json, boolean probed) throws ReflectiveOperationException {
        Map<Integer, byte[]> ids = new StreamGraphHasherV2().traverseStreamGraphAndGenerateHashes(graph);
        Map<Integer, byte[]> given = new StreamGraphUserHashHasher().traverseStreamGraphAndGenerateHashes(graph);
        json.array("operators");
        for (StreamNode node : nodes.values()) {
            json.object();
            json.member("id", hex(ids.get(node.getId())));
            json.member("uid", node.getTransformationUID());
            json.member("uid_hash", hex(given.get(node.getId())));
            json.member("chain", chains.get(hex(ids.get(node.getId()))));
            json.member("name", node.getOperatorName());
            json.member("role", role(node));
            json.member("replaced", replaced.get(node.getId()));
            json.member("parallelism", Math.max(1, node.getParallelism()));
            int most = maxParallelism(node);
            boolean set = most > 0;
            json.member("max_parallelism", set ? most : keyGroups(node.getParallelism()));
            json.member("max_parallelism_set", set);
            json.member("states_complete", probed || !lazy(node));
            json.end();
        }
        json.endArray();
        json.array("edges");
        for (StreamNode node : nodes.values()) {
            for (StreamEdge edge : node.getOutEdges()) {
                json.object();
                json.member("from", hex(ids.get(edge.getSourceId())));
                json.member("to", hex(ids.get(edge.getTargetId())));
                json.member("input", Math.max(0, edge.getTypeNumber() - 1));
                json.member("tag", edge.getOutputTag() == null ? null : edge.getOutputTag().getId());
                json.member("exchange", edge.getPartitioner().toString().toLowerCase(java.util.Locale.ROOT));
                json.end();
            }
        }
        json.endArray();
    }

    /** Whether an operator has a trigger of windows that may register its states with the first record. */
    private static boolean lazy(StreamNode node) throws ReflectiveOperationException {
        StreamOperatorFactory<?> factory = node.getOperatorFactory();
        Object of = factory instanceof SimpleOperatorFactory ? ((SimpleOperatorFactory<?>) factory).getOperator() : factory;
        for (Class<?> one = of.getClass(); one != null; one = one.getSuperclass()) {
            if (one.getSimpleName().matches("(Async)?WindowOperator(Factory)?")) {
                Object trigger = get(of, one, "trigger");
                boolean known = trigger == null || WITHOUT_STATE.contains(trigger.getClass().getSimpleName());
                if (!known) {
                    Describe.warn(node.getOperatorName() + " has a trigger, " + trigger.getClass().getSimpleName()
                            + ", that may register states with its first record: its states may not be all; --probe gives it some");
                }
                return !known;
            }
        }
        return false;
    }

    private String role(StreamNode node) {
        if (node.getInEdges().isEmpty()) {
            return "source";
        }
        return graph.getSinkIDs().contains(node.getId()) || "sink".equals(replaced.get(node.getId())) ? "sink" : "process";
    }

    /** What the author set, else not above 0; not public before 2.0. */
    private static int maxParallelism(StreamNode node) throws ReflectiveOperationException {
        Method method = StreamNode.class.getDeclaredMethod("getMaxParallelism");
        method.setAccessible(true);
        return (int) method.invoke(node);
    }

    /** Names the state backend if the job or the configuration given with it does; null leaves it to the cluster. */
    String backend(Configuration configuration) {
        Object backend = graph.getStateBackend();
        String name = backend == null ? "" : backend.getClass().getSimpleName();
        String configured = configuration.getString("state.backend.type", null);
        if (configured == null) {
            configured = configuration.getString("state.backend", null);
        }
        String all = name + " " + configured;
        if (all.contains("RocksDB") || all.contains("rocksdb")) {
            return "rocksdb";
        }
        if (all.contains("ForSt") || all.contains("forst")) {
            return "forst";
        }
        return backend == null && configured == null ? null : "hashmap";
    }

    private static String hex(byte[] bytes) {
        if (bytes == null) {
            return null;
        }
        StringBuilder text = new StringBuilder();
        for (byte one : bytes) {
            text.append(String.format("%02x", one));
        }
        return text.toString();
    }

    private static Object get(Object of, Class<?> in, String name) throws ReflectiveOperationException {
        Field field = in.getDeclaredField(name);
        field.setAccessible(true);
        return field.get(of);
    }

    private static void set(Object of, Class<?> in, String name, Object value) throws ReflectiveOperationException {
        Field field = in.getDeclaredField(name);
        field.setAccessible(true);
        field.set(of, value);
    }
}
