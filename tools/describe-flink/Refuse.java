package alluvium.describe;

import org.apache.flink.configuration.Configuration;
import org.apache.flink.core.execution.PipelineExecutor;
import org.apache.flink.core.execution.PipelineExecutorFactory;

/** Stands among Flink's executors so that a main with an environment of its own cannot execute its job for real. */
public final class Refuse implements PipelineExecutorFactory {
    /** The main went around getExecutionEnvironment(). */
    static final class Refused extends Error {
        private static final long serialVersionUID = 1L;

        Refused() {
            super("main makes an environment of its own, so that its graph cannot be taken;"
                    + " StreamExecutionEnvironment.getExecutionEnvironment() gives one that can");
        }
    }

    @Override
    public String getName() {
        return "alluvium-describe";
    }

    @Override
    public boolean isCompatibleWith(Configuration configuration) {
        throw new Refused();
    }

    @Override
    public PipelineExecutor getExecutor(Configuration configuration) {
        throw new Refused();
    }
}
