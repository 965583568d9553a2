-- The log. Its one head is what every change locks: so its records have one order, and no gaps.
CREATE TABLE head (
    one smallint PRIMARY KEY CHECK (one = 1),
    size bigint NOT NULL,
    root bytea NOT NULL,
    -- The roots of the complete subtrees of the tree's right edge, the largest first, 32 bytes each.
    frontier bytea NOT NULL,
    -- The latest moment that was recorded, in Unix milliseconds.
    latest bigint NOT NULL
);
INSERT INTO head (one, size, root, frontier, latest)
    VALUES (1, 0, '\xe3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855', '\x', 0);

-- The records: the leaf is what is hashed, byte for byte.
CREATE TABLE records (
    place bigint PRIMARY KEY,
    at bigint NOT NULL,
    kind text NOT NULL,
    hash bytea NOT NULL,
    leaf bytea NOT NULL
);

-- The tree's kept hashes above the leaves: on level 1 the roots over each 256 leaves, and so on.
CREATE TABLE nodes (
    level smallint NOT NULL,
    place bigint NOT NULL,
    hash bytea NOT NULL,
    PRIMARY KEY (level, place)
);

-- The last transaction of each process that writes: whether it came about is read here when a connection broke over it.
CREATE TABLE writers (
    writer bytea PRIMARY KEY,
    batch bigint NOT NULL,
    at timestamptz NOT NULL
);

-- The views. What has a long name is called by the first half of its SHA-256.
CREATE TABLE requests (request bytea PRIMARY KEY, place bigint NOT NULL);

CREATE TABLE decisions (
    txn bytea PRIMARY KEY,
    place bigint NOT NULL,
    at bigint NOT NULL,
    agent bytea NOT NULL,
    action bytea NOT NULL,
    effect text NOT NULL,
    escalation bytea
);
CREATE UNIQUE INDEX decisions_by_place ON decisions (place);
CREATE INDEX decisions_by_time ON decisions (at, place);
CREATE INDEX decisions_by_agent ON decisions (agent, place);
CREATE INDEX decisions_by_action ON decisions (action, place);
CREATE INDEX decisions_by_effect ON decisions (effect, place);

CREATE TABLE mints (txn bytea PRIMARY KEY, place bigint NOT NULL);

CREATE TABLE receipts (receipt bytea PRIMARY KEY, txn bytea NOT NULL, place bigint NOT NULL);
CREATE INDEX receipts_by_decision ON receipts (txn, place);

CREATE TABLE escalations (
    escalation bytea PRIMARY KEY,
    opened bigint NOT NULL,
    last bigint NOT NULL,
    length bigint NOT NULL,
    minted bigint,
    asked bigint,
    is_open boolean NOT NULL
);
CREATE INDEX escalations_by_opening ON escalations (opened);
CREATE INDEX escalations_open ON escalations (opened) WHERE is_open;

-- Which records each escalation's course is made of, and the change that each was recorded with.
CREATE TABLE courses (
    escalation bytea NOT NULL,
    place bigint NOT NULL,
    change bigint NOT NULL,
    PRIMARY KEY (escalation, place)
);
CREATE INDEX courses_by_place ON courses (place);

-- What became of a decision, beside its mint and its escalation.
CREATE TABLE told (txn bytea NOT NULL, place bigint NOT NULL, PRIMARY KEY (txn, place));

CREATE TABLE anomalies (
    agent bytea NOT NULL,
    at bigint NOT NULL,
    place bigint NOT NULL,
    PRIMARY KEY (agent, at, place)
);

CREATE TABLE habits (habit bytea PRIMARY KEY);

-- The decisions in whose escalation a person took part.
CREATE TABLE parts (person bytea NOT NULL, place bigint NOT NULL, PRIMARY KEY (person, place));

-- Suspensions that were not lifted.
CREATE TABLE suspensions (place bigint PRIMARY KEY, suspension bytea NOT NULL);
CREATE INDEX suspensions_by_name ON suspensions (suspension);

-- What stands until it is recorded anew, and where it was: documents, profiles, what is suspended, how far the logs of
-- sidecars were handed over, who is enrolled.
CREATE TABLE standing (
    what bytea PRIMARY KEY,
    kind text NOT NULL,
    place bigint NOT NULL,
    is_over boolean NOT NULL
);
CREATE INDEX standing_by_kind ON standing (kind, place);

CREATE TABLE invitations (invitation bytea PRIMARY KEY, made bigint, used bigint);

-- Values that are kept apart from the log: a salt and the value, or nothing once it is erased.
CREATE TABLE kept (value bytea PRIMARY KEY, bytes bytea);

-- What replicas share besides the record.
CREATE TABLE claims (work bytea PRIMARY KEY, holder bytea NOT NULL, until timestamptz NOT NULL);

CREATE TABLE values_for_a_while (
    kind text NOT NULL,
    owner bytea NOT NULL,
    id bytea NOT NULL,
    value bytea NOT NULL,
    nonce bytea NOT NULL,
    until timestamptz NOT NULL,
    PRIMARY KEY (kind, owner, id)
);
CREATE INDEX values_for_a_while_by_end ON values_for_a_while (until);
