# shellcheck shell=bash
#
# Shell functions that the measurements share.  Sourced, not run.
#
# Each measurement works in a private folder, $WORK, on private servers: one in the
# folder itself, or several in folders below it.  They go when the script ends.  KEEP=1
# keeps the folder.  INSTALLED=1 says that the extension is built and installed already.

# shellcheck source=test/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"

BENCH=$ROOT/test/bench

# Build, install, make the folder, and see to it that nothing is left behind.
begin_bench() {
    [ -n "${INSTALLED:-}" ] || build_and_install
    WORK=$(make_workdir bench)
    trap finish_bench EXIT
    trap 'exit 130' INT TERM
}

finish_bench() {
    local dir
    while read -r dir; do stop_server "$dir"; done < <(servers)
    [ -z "${POOLER:-}" ] || as_postgres kill -INT "$POOLER" 2>/dev/null || true
    if [ -n "${KEEP:-}" ]; then echo "kept $WORK" >&2; else as_postgres rm -rf "$WORK"; fi
}

# The folders of servers that were made.
servers() {
    as_postgres find "$WORK" -mindepth 1 -maxdepth 3 -name postgresql.conf -printf '%h\n' |
        sed 's|/data$||' | sort -r
}

# psql on the server of a folder, without one of $WORK
psql_in() {
    local dir=$1
    shift
    as_postgres "$("$PG_CONFIG" --bindir)/psql" -X -q -v ON_ERROR_STOP=1 \
        -h "$dir/socket" -d postgres "$@"
}

psql() {
    psql_in "$WORK" "$@"
}

# Keys and a token of an agent: $TOKEN and $JWKS, and set-up for test/bench/policies.
# shellcheck disable=SC2034
make_token() {
    as_postgres /usr/bin/python3 - "$WORK" <"$BENCH/policies_setup.py"
    TOKEN=$(as_postgres head -n 1 "$WORK/token")
    JWKS=$(as_postgres cat "$WORK/jwks.json")
}

# start_bench_server DIR [FILE...]: with the settings that all have, and those of files
start_bench_server() {
    local dir=$1
    shift
    as_postgres mkdir -p "$dir"
    start_server "$dir" "$BENCH/server.conf" "$@"
}

# The settings of a server that has contauth.
write_contauth_conf() {
    as_postgres tee "$WORK/contauth.conf" >/dev/null <<-'CONF'
		shared_preload_libraries = 'contauth'
		contauth.audience = 'bench'
		contauth.audit_database = 'postgres'
	CONF
}

# The server of a measurement that needs one: contauth, and settings from the input.
start_one_server() {
    write_contauth_conf
    as_postgres tee "$WORK/more.conf" >/dev/null
    start_bench_server "$WORK" "$WORK/contauth.conf" "$WORK/more.conf"
}

build_burst() {
    as_postgres mkdir "$WORK/source"
    tar -C "$BENCH" -cf - burst.c burst_cpu.c burst_plan.c burst.h |
        as_postgres tar -C "$WORK/source" --no-same-owner -xf -
    as_postgres gcc -O2 -Wall -Wextra -o "$WORK/burst" "$WORK"/source/burst{,_cpu,_plan}.c \
        -I"$("$PG_CONFIG" --includedir)" -L"$("$PG_CONFIG" --libdir)" -lpq -lm
}

# burst CYCLES SECONDS: samples of the plan that is the input
burst() {
    as_postgres "$WORK/burst" "$@"
}

# The same as a table that people read.
burst_table() {
    burst "$@" | python3 -B "$BENCH/report.py"
}
