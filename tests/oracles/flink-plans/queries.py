"""Queries whose states follow from their plans, and changes of them.

A query is a list of statements, the last of which is planned, and the words that stand in its braces.
"""

GEN = "WITH ('connector' = 'datagen', 'rows-per-second' = '100'"
ORDERS = (
    "CREATE TABLE orders (id {id}, customer {customer}, price {price}, ts TIMESTAMP(3), proc AS PROCTIME(), "
    "WATERMARK FOR ts AS ts) " + GEN + ", 'fields.customer.length' = '2')"
)
CUSTOMERS = "CREATE TABLE customers (name {name}, {region} {region_type}{key}) " + GEN + ", 'fields.name.length' = '2')"
CHANGES = (
    "CREATE TABLE changes (id BIGINT, name {name}, weight INT NOT NULL, PRIMARY KEY (id) NOT ENFORCED) WITH "
    "('connector' = 'filesystem', 'path' = '{work}/changes', 'format' = 'debezium-json', 'source.monitor-interval' = '1s')"
)
WORDS = {
    "id": "BIGINT", "customer": "STRING", "price": "DECIMAL(10, 2)", "name": "STRING", "region": "region",
    "region_type": "STRING", "key": ", PRIMARY KEY (name) NOT ENFORCED", "ttl": "0 ms", "join": "INNER", "and": "",
}
SMALL_BATCHES = [
    "SET table.exec.mini-batch.enabled = true",
    "SET table.exec.mini-batch.allow-latency = 1 s",
    "SET table.exec.mini-batch.size = 10",
    "SET table.optimizer.agg-phase-strategy = ONE_PHASE",
]


def query(columns, select, before=(), **words):
    """A query and the columns of its answer."""
    away = f"CREATE TABLE away ({columns}) WITH ('connector' = 'blackhole')"
    ttl = "SET table.exec.state.ttl = {ttl}"
    duplicates = "SET table.exec.source.cdc-events-duplicate = true"
    tables = [ORDERS, CUSTOMERS, CHANGES, away]
    return [ttl, duplicates, *before, *tables, "INSERT INTO away SELECT " + select], {**WORDS, **words}


def ranked(time, order, at_most="= 1", before=(), **words):
    numbered = "SELECT *, ROW_NUMBER() OVER (PARTITION BY {by} ORDER BY {time} {order}) AS n FROM orders"
    select = "id, CAST(customer AS STRING), price FROM (" + numbered + ") WHERE n {at_most}"
    words = {"by": "customer", "time": time, "order": order, "at_most": at_most, **words}
    return query("id BIGINT, customer STRING, price DECIMAL(10, 2)", select, before, **words)


def joined(select, on, before=(), **words):
    return query("id BIGINT, other STRING", f"o.id, c.{select} FROM orders o {{join}} JOIN customers c ON {on} {{and}}", before, **words)


# Its rows are updated, so that what reads it must retract.
UPDATED = "(SELECT customer, MAX(id) AS m, COUNT(*) AS n FROM orders GROUP BY customer)"
INTERVAL = "o.{0} BETWEEN p.{0} - INTERVAL '1' MINUTE AND p.{0} + INTERVAL '1' MINUTE"
PAIRS = "o.id, p.id FROM orders o {join} JOIN orders p ON o.customer = p.customer AND "

QUERIES = {
    "group-by": query(
        "customer STRING, n BIGINT, s DECIMAL(38, 2), m BIGINT, a DECIMAL(38, 6)",
        "CAST({group} AS STRING), COUNT(*), {sum}(price), CAST(MAX({max}) AS BIGINT), AVG(price) FROM orders GROUP BY {group}",
        group="customer", sum="SUM", max="id"),
    "group-by-types": query(
        "a BIGINT, b TINYINT, c SMALLINT, d INT, e BIGINT, f FLOAT, g DOUBLE, h DOUBLE, i FLOAT, j BIGINT, k STRING, "
        "l STRING, m TIMESTAMP(3), n BOOLEAN, o DATE, p TIME, q INT, r TIMESTAMP_LTZ(3), s DECIMAL(10, 2), t STRING, "
        "u TINYINT, v SMALLINT",
        "COUNT(id), SUM(CAST(id AS TINYINT)), SUM(CAST(id AS SMALLINT)), SUM(CAST(id AS INT)), SUM(id), "
        "SUM(CAST(id AS FLOAT)), SUM(CAST(id AS DOUBLE)), AVG(CAST(id AS DOUBLE)), AVG(CAST(id AS FLOAT)), AVG(id), "
        "MAX(customer), MIN(CAST(customer AS VARCHAR(9))), MAX(ts), MIN(id > 7), MAX(CAST(ts AS DATE)), MIN(CAST(ts AS TIME)), "
        "AVG(CAST(id AS INT)), MAX(TO_TIMESTAMP_LTZ(id, 3)), MIN(price), MAX(CAST(customer AS CHAR(3))), "
        "AVG(CAST(id AS TINYINT)), AVG(CAST(id AS SMALLINT)) FROM orders"),
    "group-by-filter": query(
        "customer STRING, n BIGINT, m BIGINT",
        "customer, COUNT(*) FILTER (WHERE id > 3), SUM(id) FILTER (WHERE price > 1) FROM orders GROUP BY customer"),
    "group-by-retract": query(
        "a BIGINT, b BIGINT, c BIGINT, d BIGINT, e BIGINT, f INT, g DECIMAL(38, 1), h TINYINT, i DOUBLE",
        "m, COUNT(*), SUM(n), AVG(n), COUNT(n), SUM(CAST(n AS INT)), SUM(CAST(n AS DECIMAL(5, 1))), SUM(CAST(n AS TINYINT)), "
        f"SUM(CAST(n AS DOUBLE)) FROM {UPDATED} GROUP BY m"),
    "group-by-retract-sum": query("a BIGINT, b BIGINT, c DECIMAL(38, 2)",
                                  f"m, SUM(n), SUM(CAST(n AS DECIMAL(9, 2))) FROM {UPDATED} GROUP BY m"),
    "group-by-retract-filter": query("a BIGINT, b BIGINT, c BIGINT",
                                     f"m, COUNT(*) FILTER (WHERE n > 2), AVG(m) FROM {UPDATED} GROUP BY m"),
    "group-by-retract-max": query("a BIGINT, b BIGINT", f"m, MAX(n) FROM {UPDATED} GROUP BY m"),
    "group-by-distinct": query("customer STRING, n BIGINT", "customer, COUNT(DISTINCT id) FROM orders GROUP BY customer"),
    "group-by-ttl": query("customer STRING, n BIGINT", "customer, COUNT(*) FROM orders GROUP BY customer", ttl="90 min"),
    "group-by-small-batches": query("customer STRING, n BIGINT", "customer, COUNT(*) FROM orders GROUP BY customer", SMALL_BATCHES),
    "distinct": query("customer STRING", "DISTINCT customer FROM orders"),
    "join-no-key": query("id BIGINT, other BIGINT", PAIRS + "o.id > p.id {and}"),
    "join-contained-key": joined("{region}", "o.customer = c.name"),
    "join-unique-key": joined("name", "o.customer = c.{region}"),
    "join-left": joined("{region}", "o.customer = c.name", join="LEFT"),
    "join-full": joined("name", "o.customer = c.{region}", join="FULL"),
    "join-right": joined("name", "o.customer = c.name", join="RIGHT"),
    "join-ttl": joined("name", "o.customer = c.{region}", join="LEFT", ttl="1 h"),
    "join-small-batches": joined("name", "o.customer = c.{region}", SMALL_BATCHES, join="LEFT"),
    "join-semi": query("id BIGINT", "id FROM orders WHERE customer IN (SELECT {region} FROM customers)"),
    "join-anti": query("id BIGINT", "id FROM orders o WHERE NOT EXISTS (SELECT 1 FROM customers c WHERE c.name = o.customer)"),
    "deduplicate-first": ranked("proc", "ASC"),
    "deduplicate-last": ranked("proc", "DESC"),
    "deduplicate-rowtime-first": ranked("ts", "ASC"),
    "deduplicate-rowtime-last": ranked("ts", "DESC"),
    "deduplicate-ttl": ranked("proc", "ASC", ttl="2 d"),
    "deduplicate-first-small-batches": ranked("proc", "ASC", before=SMALL_BATCHES),
    "deduplicate-last-small-batches": ranked("proc", "DESC", before=SMALL_BATCHES),
    "deduplicate-rowtime-first-small-batches": ranked("ts", "ASC", before=SMALL_BATCHES),
    "deduplicate-rowtime-last-small-batches": ranked("ts", "DESC", before=SMALL_BATCHES),
    "top-append": ranked("price", "DESC", "<= 3"),
    "top-1": ranked("price", "DESC"),
    "top-arrived": ranked("proc", "ASC", "<= 3"),
    "top-ttl": ranked("price", "DESC", "<= 3", ttl="2 d"),
    "top-update": query(
        "customer STRING, n BIGINT",
        "customer, n FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY price ORDER BY n DESC) AS r FROM "
        "(SELECT customer, price, COUNT(*) AS n FROM orders GROUP BY customer, price)) WHERE r <= 3"),
    "top-retract": query(
        "customer STRING, n BIGINT",
        f"customer, n FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY m ORDER BY n ASC) AS r FROM {UPDATED}) WHERE r <= 3"),
    "interval-join": query("id BIGINT, other BIGINT", PAIRS + INTERVAL.format("ts")),
    "interval-join-proctime": query("id BIGINT, other BIGINT", PAIRS + INTERVAL.format("proc"), join="LEFT"),
    "normalize": query("id BIGINT, name STRING", "id, CAST(name AS STRING) FROM changes WHERE id > 1"),
    "normalize-small-batches": query("id BIGINT, name STRING", "id, name FROM changes WHERE id > 1", SMALL_BATCHES),
    "materialize": query(
        "id BIGINT, n {n}, PRIMARY KEY (id) NOT ENFORCED",
        "MAX(id), CAST(COUNT(*) AS {n}) FROM orders GROUP BY customer ON CONFLICT DO DEDUPLICATE", n="BIGINT"),
}

# States of which a plan does not tell the types; those of sources, and timers beside them.
NOT_TOLD = {
    "group-by-distinct": {"accState", "distinctAcc_0", "distinctAcc_0_null_state"},
    "group-by-retract-max": {"accState", "agg0$map"},
    "top-retract": {"sorted-map"},
}

# A query, what is changed, and the new words.
CHANGED = [
    ("group-by", "digits of a sum", {"price": "DECIMAL(12, 2)"}),
    ("group-by", "scale of a sum", {"price": "DECIMAL(10, 3)"}),
    ("group-by", "type of a maximum", {"id": "INT"}),
    ("group-by", "another aggregate", {"sum": "MIN"}),
    ("group-by", "another column", {"max": "price"}),
    ("group-by", "another key", {"group": "price"}),
    ("group-by", "length of the key", {"customer": "VARCHAR(10)"}),
    ("group-by", "key not null", {"customer": "STRING NOT NULL"}),
    ("group-by", "a time to live", {"ttl": "1 h"}),
    ("group-by-ttl", "another time to live", {"ttl": "2 h"}),
    ("group-by-ttl", "no time to live", {"ttl": "0 ms"}),
    ("join-no-key", "a column more", {"and": "AND o.price > p.price"}),
    ("join-contained-key", "outer", {"join": "LEFT"}),
    ("join-contained-key", "right outer", {"join": "RIGHT"}),
    ("join-contained-key", "no primary key", {"key": ""}),
    ("join-contained-key", "a column more on the left", {"and": "AND o.price > CHAR_LENGTH(c.region)"}),
    ("join-contained-key", "type of a column on the right", {"region_type": "VARCHAR(10)"}),
    ("join-contained-key", "type of a column on the left", {"id": "INT"}),
    ("join-contained-key", "name of a column", {"region": "area"}),
    ("join-contained-key", "length of the key", {"customer": "VARCHAR(10)"}),
    ("join-contained-key", "a time to live", {"ttl": "1 h"}),
    ("join-unique-key", "no primary key", {"key": ""}),
    ("join-unique-key", "type of the unique key", {"name": "VARCHAR(10)"}),
    ("deduplicate-first", "type of a column", {"price": "DECIMAL(10, 3)"}),
    ("deduplicate-last", "type of a column", {"price": "DECIMAL(10, 3)"}),
    ("deduplicate-last", "another key", {"by": "price"}),
    ("top-append", "more rows", {"at_most": "<= 5"}),
    ("top-append", "another order", {"time": "id"}),
    ("top-append", "type of a column", {"id": "INT"}),
    ("interval-join", "outer", {"join": "LEFT"}),
    ("interval-join", "type of a column", {"id": "INT"}),
    ("normalize", "type of a column", {"name": "VARCHAR(10)"}),
    ("materialize", "type of a column", {"n": "INT"}),
]

# Queries whose operators have the same uids: every plan is checked against the savepoints of the others.
ALIKE = [
    ["join-contained-key", "join-unique-key", "join-left", "join-full"],
    ["deduplicate-first", "deduplicate-last", "deduplicate-rowtime-first", "deduplicate-rowtime-last"],
    ["top-append", "top-1", "top-arrived"],
    ["group-by", "group-by-filter", "group-by-ttl", "distinct"],
]
