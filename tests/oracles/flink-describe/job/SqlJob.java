import org.apache.flink.api.common.eventtime.WatermarkStrategy;
import org.apache.flink.api.common.typeinfo.Types;
import org.apache.flink.streaming.api.datastream.SingleOutputStreamOperator;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;
import org.apache.flink.table.api.bridge.java.StreamTableEnvironment;
import org.apache.flink.types.Row;

/** A job whose middle is SQL: SqlJob VARIANT. Its operators have no uids. */
public final class SqlJob {
    private static String query(String variant) {
        switch (variant) {
            case "aggregate-added":
                return "SELECT MOD(f0, 5) AS k, COUNT(*) AS n, SUM(f0) AS total FROM numbers GROUP BY MOD(f0, 5)";
            case "aggregate-changed":
                return "SELECT MOD(f0, 5) AS k, MAX(CAST(f0 AS INT)) AS n FROM numbers GROUP BY MOD(f0, 5)";
            case "key-changed":
                return "SELECT CAST(f0 AS STRING) AS k, COUNT(*) AS n FROM numbers GROUP BY CAST(f0 AS STRING)";
            case "filter-added":
                return "SELECT MOD(f0, 5) AS k, COUNT(*) AS n FROM numbers WHERE f0 >= 0 GROUP BY MOD(f0, 5)";
            case "column-renamed":
                return "SELECT MOD(f0, 5) AS other, COUNT(*) AS named FROM numbers GROUP BY MOD(f0, 5)";
            case "deduplicated":
                return "SELECT k, COUNT(*) AS n FROM (SELECT DISTINCT f0, MOD(f0, 5) AS k FROM numbers) GROUP BY k";
            default:
                return "SELECT MOD(f0, 5) AS k, COUNT(*) AS n FROM numbers GROUP BY MOD(f0, 5)";
        }
    }

    public static void main(String[] args) throws Exception {
        StreamExecutionEnvironment env = StreamExecutionEnvironment.getExecutionEnvironment();
        env.setParallelism(2);
        env.setMaxParallelism(128);
        env.enableCheckpointing(3_600_000L);
        StreamTableEnvironment tables = StreamTableEnvironment.create(env);
        if (args[0].equals("ttl-set")) {
            tables.getConfig().getConfiguration().setString("table.exec.state.ttl", "1 h");
        }
        SingleOutputStreamOperator<Long> source =
                env.fromSource(new Ten(), WatermarkStrategy.noWatermarks(), "src", Types.LONG).setParallelism(1).uid("src");
        tables.createTemporaryView("numbers", source);
        tables.toChangelogStream(tables.sqlQuery(query(args[0])))
                .process(new Count<Row>()).returns(Types.LONG).name("End").uid("end");
        env.execute("sql");
    }

    private SqlJob() {}
}
