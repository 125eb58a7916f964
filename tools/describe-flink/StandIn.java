package alluvium.describe;

import java.io.Serializable;
import java.lang.reflect.Field;
import java.lang.reflect.InvocationHandler;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.lang.reflect.Proxy;
import java.util.Collection;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import org.apache.flink.api.common.JobID;
import org.apache.flink.api.common.state.ListStateDescriptor;
import org.apache.flink.core.execution.JobClient;
import org.apache.flink.runtime.state.FunctionInitializationContext;

/**
 * Stands for a source or sink function, or for a sink: nothing is opened, read or written, but its states are
 * registered and its serializers asked for. The interfaces differ between releases of Flink, so they are found by name.
 */
final class StandIn implements InvocationHandler, Serializable {
    private static final long serialVersionUID = 1L;
    private static final Set<String> OF_FUNCTIONS = Set.of("SourceFunction", "ParallelSourceFunction", "SinkFunction",
            "RichFunction", "CheckpointedFunction", "ListCheckpointed");
    private static final Set<String> PASSED_ON = Set.of("setRuntimeContext", "getRuntimeContext",
            "getIterationRuntimeContext", "initializeState");

    private final Object real;
    private final boolean sink;
    private final String name;
    private final Probe probe;
    private volatile boolean ended;

    private StandIn(Object real, boolean sink, String name, Probe probe) {
        this.real = real;
        this.sink = sink;
        this.name = name;
        this.probe = probe;
    }

    /** Stands for a SourceFunction or SinkFunction of any release. */
    static Object function(Object real, String name, Probe probe) {
        Set<Class<?>> interfaces = new LinkedHashSet<>();
        for (Class<?> one : interfacesOf(real.getClass())) {
            if (one.getName().startsWith("org.apache.flink.") && OF_FUNCTIONS.contains(one.getSimpleName())) {
                interfaces.add(one);
            }
        }
        return proxy(interfaces, new StandIn(real, false, name, probe));
    }

    /** Stands for a Sink of the newer interface. */
    static Object sink(Object real, String name) {
        Set<Class<?>> interfaces = new LinkedHashSet<>();
        for (Class<?> one : interfacesOf(real.getClass())) {
            if (one.getName().startsWith("org.apache.flink.") && java.lang.reflect.Modifier.isPublic(one.getModifiers())) {
                interfaces.add(one);
            }
        }
        return proxy(interfaces, new StandIn(real, true, name, Probe.none()));
    }

    /** What executeAsync answers: whoever waits for the job is ended. */
    static JobClient client() {
        JobID id = new JobID();
        InvocationHandler handler = (proxy, method, args) -> {
            if (method.getName().equals("getJobID")) {
                return id;
            }
            throw new Capture.Taken();
        };
        return (JobClient) proxy(Set.of(JobClient.class), handler);
    }

    /** Whether an object has an interface of this simple name among those of Flink. */
    static boolean is(Object object, String simpleName) {
        for (Class<?> one : interfacesOf(object.getClass())) {
            if (one.getName().startsWith("org.apache.flink.") && one.getSimpleName().equals(simpleName)) {
                return true;
            }
        }
        return false;
    }

    @Override
    public Object invoke(Object proxy, Method method, Object[] args) throws Throwable {
        String called = method.getName();
        if (method.getDeclaringClass() == Object.class) {
            return method.invoke(this, args);
        }
        if (sink) {
            return ofSink(method, args);
        }
        if (called.equals("run")) {
            give(method.getParameterTypes()[0], args[0]);
            while (!ended) {
                Thread.sleep(20);
            }
        } else if (called.equals("cancel")) {
            ended = true;
        } else if (called.equals("initializeState")) {
            initialize(method, args);
        } else if (PASSED_ON.contains(called)) {
            return call(real, method, args);
        }
        return nothing(method.getReturnType());
    }

    /** Gives the records of the probe to the context of a source function. */
    private void give(Class<?> type, Object context) throws Exception {
        for (int place = 0; place < probe.size() && !ended; place++) {
            Long timestamp = probe.timestamp(place);
            synchronized (type.getMethod("getCheckpointLock").invoke(context)) {
                if (timestamp == null) {
                    type.getMethod("collect", Object.class).invoke(context, probe.record(place));
                } else {
                    type.getMethod("collectWithTimestamp", Object.class, long.class)
                            .invoke(context, probe.record(place), timestamp);
                }
            }
        }
    }

    private Object ofSink(Method method, Object[] args) throws Throwable {
        switch (method.getName()) {
            case "createWriter":
            case "restoreWriter":
                return proxy(writerInterfaces(), EMPTY);
            case "createCommitter":
                return proxy(Set.of(method.getReturnType()), EMPTY);
            default:
                return call(real, method, args);
        }
    }

    private Set<Class<?>> writerInterfaces() {
        Set<Class<?>> interfaces = new LinkedHashSet<>();
        for (Class<?> one : interfacesOf(real.getClass())) {
            for (Method method : one.getMethods()) {
                boolean writer = method.getName().equals("createWriter") || method.getName().equals("restoreWriter");
                if (writer && method.getReturnType().isInterface()) {
                    interfaces.add(method.getReturnType());
                }
            }
        }
        if (is(real, "SupportsCommitter")) {
            try {
                interfaces.add(Class.forName("org.apache.flink.api.connector.sink2.CommittingSinkWriter"));
            } catch (ClassNotFoundException absent) {
                // Releases before 1.19 have it inside TwoPhaseCommittingSink, whose createWriter names it.
            }
        }
        return interfaces;
    }

    /** Registers the states of a function; one that begins a transaction there is not let do so. */
    private void initialize(Method method, Object[] args) {
        try {
            for (Class<?> one = real.getClass(); one != null; one = one.getSuperclass()) {
                if (one.getSimpleName().equals("TwoPhaseCommitSinkFunction")) {
                    Field field = one.getDeclaredField("stateDescriptor");
                    field.setAccessible(true);
                    FunctionInitializationContext context = (FunctionInitializationContext) args[0];
                    context.getOperatorStateStore().getListState((ListStateDescriptor<?>) field.get(real));
                    return;
                }
            }
            call(real, method, args);
        } catch (Throwable error) {
            Describe.warn("some states of " + name + " may be missing: its initializeState failed: " + error);
        }
    }

    private static final InvocationHandler EMPTY = new Empty();

    private static final class Empty implements InvocationHandler, Serializable {
        private static final long serialVersionUID = 1L;

        @Override
        public Object invoke(Object proxy, Method method, Object[] args) throws Throwable {
            return method.getDeclaringClass() == Object.class ? method.invoke(this, args) : nothing(method.getReturnType());
        }
    }

    private static Object call(Object target, Method method, Object[] args) throws Throwable {
        try {
            method.setAccessible(true);
            return method.invoke(target, args);
        } catch (InvocationTargetException error) {
            throw error.getCause();
        }
    }

    private static Object nothing(Class<?> type) {
        if (type == boolean.class) {
            return false;
        }
        if (type.isPrimitive() && type != void.class) {
            return java.lang.reflect.Array.get(java.lang.reflect.Array.newInstance(type, 1), 0);
        }
        return type == List.class || type == Collection.class ? List.of() : null;
    }

    private static Object proxy(Set<Class<?>> interfaces, InvocationHandler handler) {
        return Proxy.newProxyInstance(StandIn.class.getClassLoader(), interfaces.toArray(new Class<?>[0]), handler);
    }

    private static Set<Class<?>> interfacesOf(Class<?> of) {
        Set<Class<?>> found = new LinkedHashSet<>();
        for (Class<?> one = of; one != null; one = one.getSuperclass()) {
            for (Class<?> direct : one.getInterfaces()) {
                found.add(direct);
                found.addAll(interfacesOf(direct));
            }
        }
        return found;
    }
}
