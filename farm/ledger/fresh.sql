CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
CREATE TABLE submission (
	id INTEGER NOT NULL, 
	state VARCHAR(16) NOT NULL, 
	"plan" TEXT NOT NULL, 
	plan_hash VARCHAR(64) NOT NULL, 
	source_root TEXT NOT NULL, 
	out_dir TEXT NOT NULL, 
	store_root TEXT NOT NULL, 
	engine_facts TEXT, 
	admitted BIGINT NOT NULL, 
	reason VARCHAR(32), 
	detail TEXT NOT NULL, 
	created_at DOUBLE NOT NULL, 
	active_at DOUBLE, 
	ended_at DOUBLE, priority INTEGER DEFAULT '0' NOT NULL, run_gen BIGINT DEFAULT '0' NOT NULL, paused_from VARCHAR(16), 
	CONSTRAINT pk_submission PRIMARY KEY (id)
);
CREATE INDEX ix_submission_out_dir ON submission (out_dir);
CREATE TABLE source_file (
	id INTEGER NOT NULL, 
	submission_id INTEGER NOT NULL, 
	path TEXT NOT NULL, 
	state VARCHAR(16) NOT NULL, 
	facts TEXT, 
	reason VARCHAR(32), 
	detail TEXT NOT NULL, rejected TEXT, 
	CONSTRAINT pk_source_file PRIMARY KEY (id), 
	CONSTRAINT fk_source_file_submission_id FOREIGN KEY(submission_id) REFERENCES submission (id), 
	CONSTRAINT uq_source_file_submission_id_path UNIQUE (submission_id, path)
);
CREATE INDEX ix_source_file_rejected ON source_file (submission_id, path) WHERE state = 'rejected';
CREATE INDEX ix_source_file_submission_id_id ON source_file (submission_id, id);
CREATE TABLE song (
	id INTEGER NOT NULL, 
	submission_id INTEGER NOT NULL, 
	file_id INTEGER NOT NULL, 
	track BIGINT NOT NULL, 
	name VARCHAR(16) NOT NULL, 
	song_hash VARCHAR(64) NOT NULL, 
	state VARCHAR(16) NOT NULL, 
	work_s DOUBLE NOT NULL, 
	rank BIGINT NOT NULL, 
	stems_total BIGINT NOT NULL, 
	stems_left BIGINT NOT NULL, 
	returns BIGINT NOT NULL, 
	split TEXT, 
	mix TEXT, 
	record TEXT, 
	reason VARCHAR(32), 
	detail TEXT NOT NULL, 
	updated_at DOUBLE NOT NULL, cluster VARCHAR(64) DEFAULT '' NOT NULL, subset VARCHAR(64), places TEXT, 
	CONSTRAINT pk_song PRIMARY KEY (id), 
	CONSTRAINT fk_song_submission_id FOREIGN KEY(submission_id) REFERENCES submission (id), 
	CONSTRAINT fk_song_file_id FOREIGN KEY(file_id) REFERENCES source_file (id), 
	CONSTRAINT uq_song_submission_id_track UNIQUE (submission_id, track)
);
CREATE INDEX ix_song_state ON song (submission_id, state, track);
CREATE TABLE patch (
	id INTEGER NOT NULL, 
	hash VARCHAR(64) NOT NULL, 
	body TEXT NOT NULL, 
	engine VARCHAR(32) NOT NULL, 
	load_key VARCHAR(64) NOT NULL, name TEXT DEFAULT '' NOT NULL, quarantined_at DOUBLE, reason TEXT DEFAULT '' NOT NULL, forgiven BIGINT DEFAULT '0' NOT NULL, 
	CONSTRAINT pk_patch PRIMARY KEY (id), 
	CONSTRAINT uq_patch_hash UNIQUE (hash)
);
CREATE TABLE stem (
	id INTEGER NOT NULL, 
	submission_id INTEGER NOT NULL, 
	song_id INTEGER NOT NULL, 
	part INTEGER NOT NULL, 
	name VARCHAR(8) NOT NULL, 
	patch_id INTEGER NOT NULL, 
	engine VARCHAR(32) NOT NULL, 
	load_key VARCHAR(64) NOT NULL, 
	rank BIGINT NOT NULL, 
	est_s DOUBLE NOT NULL, 
	midi_sha256 VARCHAR(64) NOT NULL, 
	rate_hz INTEGER NOT NULL, 
	channels INTEGER NOT NULL, 
	tail_max_s DOUBLE NOT NULL, 
	spec_hash VARCHAR(64) NOT NULL, 
	state VARCHAR(16) NOT NULL, 
	epoch BIGINT NOT NULL, 
	slot_id BIGINT, 
	tries INTEGER NOT NULL, 
	losses INTEGER NOT NULL, 
	reason VARCHAR(32), 
	detail TEXT NOT NULL, 
	data_hash VARCHAR(64), 
	result TEXT, 
	updated_at DOUBLE NOT NULL, not_before DOUBLE, kills INTEGER DEFAULT '0' NOT NULL, shortages INTEGER DEFAULT '0' NOT NULL, failed_host TEXT, replaced TEXT, 
	CONSTRAINT pk_stem PRIMARY KEY (id), 
	CONSTRAINT fk_stem_submission_id FOREIGN KEY(submission_id) REFERENCES submission (id), 
	CONSTRAINT fk_stem_song_id FOREIGN KEY(song_id) REFERENCES song (id), 
	CONSTRAINT fk_stem_patch_id FOREIGN KEY(patch_id) REFERENCES patch (id)
);
CREATE INDEX ix_stem_leased ON stem (slot_id, updated_at) WHERE state = 'leased';
CREATE INDEX ix_stem_lost ON stem (submission_id, song_id) WHERE state IN ('dropped', 'failed');
CREATE UNIQUE INDEX uq_stem_song_id_part ON stem (song_id, part);
CREATE INDEX ix_stem_spec_hash ON stem (spec_hash);
CREATE TABLE slot (
	id INTEGER NOT NULL, 
	host TEXT NOT NULL, 
	pid BIGINT NOT NULL, 
	engine VARCHAR(32) NOT NULL, 
	state VARCHAR(16) NOT NULL, 
	epoch BIGINT NOT NULL, 
	warm_key VARCHAR(64), 
	registered_at DOUBLE NOT NULL, 
	heartbeat_at DOUBLE NOT NULL, 
	gone_at DOUBLE, leaving_key VARCHAR(64), engines TEXT DEFAULT '' NOT NULL, 
	CONSTRAINT pk_slot PRIMARY KEY (id)
);
CREATE INDEX ix_slot_live ON slot (heartbeat_at) WHERE state != 'gone';
CREATE TABLE task (
	id INTEGER NOT NULL, 
	submission_id INTEGER NOT NULL, 
	kind VARCHAR(16) NOT NULL, 
	subject BIGINT NOT NULL, 
	last_file BIGINT, 
	urgency INTEGER NOT NULL, 
	state VARCHAR(16) NOT NULL, 
	epoch BIGINT NOT NULL, 
	slot_id BIGINT, 
	tries INTEGER NOT NULL, 
	losses INTEGER NOT NULL, 
	reason VARCHAR(32), 
	detail TEXT NOT NULL, 
	announced_at DOUBLE, 
	updated_at DOUBLE NOT NULL, 
	CONSTRAINT pk_task PRIMARY KEY (id), 
	CONSTRAINT fk_task_submission_id FOREIGN KEY(submission_id) REFERENCES submission (id), 
	CONSTRAINT uq_task_submission_id_kind_subject UNIQUE (submission_id, kind, subject)
);
CREATE INDEX ix_task_ready ON task (urgency, id) WHERE state = 'ready';
CREATE INDEX ix_task_running ON task (slot_id, updated_at) WHERE state = 'running';
CREATE TABLE attempt (
	id INTEGER NOT NULL, 
	submission_id INTEGER NOT NULL, 
	stem_id BIGINT, 
	task_id BIGINT, 
	slot_id BIGINT, 
	epoch BIGINT NOT NULL, 
	outcome VARCHAR(16) NOT NULL, 
	reason VARCHAR(32), 
	detail TEXT NOT NULL, 
	began_at DOUBLE NOT NULL, 
	ended_at DOUBLE NOT NULL, 
	render_s DOUBLE, 
	load_s DOUBLE, 
	rss_mb DOUBLE, 
	cold BOOLEAN, 
	cached BOOLEAN, host TEXT, load_key VARCHAR(64), audio_s DOUBLE, est_s DOUBLE, fingerprint VARCHAR(16), patch_id BIGINT, 
	CONSTRAINT pk_attempt PRIMARY KEY (id), 
	CONSTRAINT fk_attempt_submission_id FOREIGN KEY(submission_id) REFERENCES submission (id)
);
CREATE INDEX ix_attempt_stem_id ON attempt (stem_id);
CREATE TABLE event (
	id INTEGER NOT NULL, 
	submission_id INTEGER, 
	song_id BIGINT, 
	at DOUBLE NOT NULL, 
	kind VARCHAR(32) NOT NULL, 
	detail TEXT NOT NULL, host TEXT, slot_id BIGINT, stem_id BIGINT, load_key VARCHAR(64), 
	CONSTRAINT pk_event PRIMARY KEY (id), 
	CONSTRAINT fk_event_submission_id FOREIGN KEY(submission_id) REFERENCES submission (id)
);
CREATE INDEX ix_event_submission_id ON event (submission_id);
CREATE TABLE tally (
	submission_id INTEGER NOT NULL, 
	subject VARCHAR(16) NOT NULL, 
	name VARCHAR(64) NOT NULL, 
	amount DOUBLE NOT NULL, 
	CONSTRAINT pk_tally PRIMARY KEY (submission_id, subject, name), 
	CONSTRAINT fk_tally_submission_id FOREIGN KEY(submission_id) REFERENCES submission (id)
);
CREATE TABLE backlog (
	submission_id INTEGER NOT NULL, 
	load_key VARCHAR(64) NOT NULL, 
	engine VARCHAR(32) NOT NULL, 
	ready BIGINT NOT NULL, 
	est_s DOUBLE NOT NULL, leased BIGINT DEFAULT '0' NOT NULL, done BIGINT DEFAULT '0' NOT NULL, failed BIGINT DEFAULT '0' NOT NULL, leased_est_s DOUBLE DEFAULT '0' NOT NULL, 
	CONSTRAINT pk_backlog PRIMARY KEY (submission_id, load_key), 
	CONSTRAINT fk_backlog_submission_id FOREIGN KEY(submission_id) REFERENCES submission (id)
);
CREATE TABLE load_key (
	load_key VARCHAR(64) NOT NULL, 
	engine VARCHAR(32) NOT NULL, 
	load_s DOUBLE NOT NULL, 
	pace DOUBLE NOT NULL, label TEXT DEFAULT '' NOT NULL, rtf DOUBLE, not_before DOUBLE, misses INTEGER DEFAULT '0' NOT NULL, quarantined_at DOUBLE, reason TEXT DEFAULT '' NOT NULL, forgiven BIGINT DEFAULT '0' NOT NULL, 
	CONSTRAINT pk_load_key PRIMARY KEY (load_key)
);
CREATE TABLE host (
	host TEXT NOT NULL, 
	draining BOOLEAN NOT NULL, 
	sick_until DOUBLE, 
	free_disk_bytes BIGINT, 
	seen_at DOUBLE NOT NULL, 
	CONSTRAINT pk_host PRIMARY KEY (host)
);
CREATE TABLE named_limit (
	name VARCHAR(200) NOT NULL, 
	max BIGINT NOT NULL, 
	scope VARCHAR(16) NOT NULL, 
	CONSTRAINT pk_named_limit PRIMARY KEY (name)
);
CREATE UNIQUE INDEX uq_submission_open_out_dir ON submission (out_dir) WHERE state IN ('submitting', 'scanning', 'active', 'pausing', 'paused', 'cancelling');
CREATE INDEX ix_stem_ready ON stem (submission_id, load_key, rank, est_s DESC, id) WHERE state = 'ready';
CREATE INDEX ix_song_drawing ON song (submission_id, rank) WHERE state = 'drawing';
CREATE INDEX ix_attempt_load_key ON attempt (load_key, id) WHERE load_key IS NOT NULL;
CREATE INDEX ix_attempt_failed ON attempt (submission_id, fingerprint) WHERE fingerprint IS NOT NULL;
CREATE INDEX ix_event_kind_id ON event (kind, id);
CREATE INDEX ix_event_host_id ON event (host, id);
CREATE TABLE block (
	host TEXT NOT NULL, 
	load_key VARCHAR(64) NOT NULL, 
	patch TEXT NOT NULL, 
	until DOUBLE NOT NULL, 
	detail TEXT NOT NULL, 
	CONSTRAINT pk_block PRIMARY KEY (host, load_key, patch)
);
CREATE INDEX ix_stem_patch ON stem (patch_id, submission_id) WHERE state = 'ready';
CREATE INDEX ix_patch_held ON patch (id) WHERE quarantined_at IS NOT NULL;
CREATE INDEX ix_attempt_patch ON attempt (patch_id, id) WHERE patch_id IS NOT NULL;
CREATE INDEX ix_patch_load_key ON patch (load_key, name);
INSERT INTO alembic_version VALUES ('0007');
