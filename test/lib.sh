# shellcheck shell=bash
#
# Shell functions that test/run and test/demo/run share.  Sourced, not run.
#
# PostgreSQL refuses to run as root, and user postgres may not be able to read
# the tree: so everything that starts a server works as postgres in a private
# folder under /tmp.  Servers listen on a Unix socket in that folder only, and
# are stopped by their process id.

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
export PG_CONFIG=${PG_CONFIG:-pg_config}

as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"; else sudo -n "$@"; fi
}

# Run a command as user postgres, away from folders it may not enter.  What it
# works on is named by absolute paths.
as_postgres() {
    if [ "$(id -un)" = postgres ]; then
        "$@"
    elif [ "$(id -u)" = 0 ]; then
        (cd /tmp && runuser -u postgres -- "$@")
    else
        (cd /tmp && sudo -n -u postgres "$@")
    fi
}

# Build in the tree as the current user, then install into the server.  Quiet
# when it works; else the end of the log, and where all of it is.
build_and_install() {
    local log jobs
    log=$(mktemp /tmp/contauth-build.XXXXXX)
    jobs=$(nproc 2>/dev/null || echo 1)
    unset MAKEFLAGS MFLAGS MAKELEVEL
    if ! make -C "$ROOT" -j"$jobs" WERROR="${WERROR:-}" PG_CONFIG="$PG_CONFIG" >"$log" 2>&1 ||
        ! as_root make -C "$ROOT" install WERROR="${WERROR:-}" PG_CONFIG="$PG_CONFIG" >>"$log" 2>&1; then
        tail -n 40 "$log" >&2
        echo "the build failed; its whole log is $log" >&2
        return 1
    fi
    rm -f "$log"
}

# A private folder owned by postgres; prints its path.
make_workdir() {
    as_postgres mktemp -d "/tmp/contauth-$1.XXXXXX"
}

# start_server DIR CONF...: a new server in DIR/data, socket in DIR/socket.
start_server() {
    local dir=$1 bindir said
    shift
    bindir=$("$PG_CONFIG" --bindir)
    as_postgres mkdir -p "$dir/socket"
    said=$(as_postgres "$bindir/initdb" -D "$dir/data" -U postgres -A trust \
        -E UTF8 --locale=C.UTF-8 2>&1) || {
        echo "$said" >&2
        return 1
    }
    cat "$@" - <<-CONF | as_postgres tee -a "$dir/data/postgresql.conf" >/dev/null
		listen_addresses = ''
		unix_socket_directories = '$dir/socket'
		unix_socket_permissions = 0700
	CONF
    as_postgres "$bindir/pg_ctl" -D "$dir/data" -l "$dir/server.log" -w -t 60 start >/dev/null || {
        as_postgres tail -n 30 "$dir/server.log" >&2
        return 1
    }
}

# stop_server DIR: ask politely by process id, then insist.
stop_server() {
    local dir=$1 pid i
    pid=$(as_postgres head -n 1 "$dir/data/postmaster.pid" 2>/dev/null) || return 0
    as_postgres kill -INT "$pid" 2>/dev/null || return 0
    for ((i = 0; i < 300; i++)); do
        as_postgres kill -0 "$pid" 2>/dev/null || return 0
        sleep 0.1
    done
    echo "server $pid did not stop in 30 s: ending it at once" >&2
    as_postgres kill -QUIT "$pid" 2>/dev/null || true
}

# wrap_server DIR COMMAND...: make DIR/pg_config, which names a folder of programs where
# postgres runs under COMMAND (env, valgrind).  Everything else is the server's own.
wrap_server() {
    local dir=$1 real
    shift
    real=$("$PG_CONFIG" --bindir)
    as_postgres mkdir "$dir/bin"
    as_postgres ln -s "$real"/* "$dir/bin/"
    as_postgres rm -f "$dir/bin/postgres" "$dir/bin/pg_ctl" "$dir/bin/pg_config"
    as_postgres tee "$dir/bin/postgres" >/dev/null <<<"#!/bin/sh
exec $* '$real/postgres' \"\$@\""
    as_postgres tee "$dir/bin/pg_ctl" >/dev/null <<<"#!/bin/sh
exec '$real/pg_ctl' -p '$dir/bin/postgres' \"\$@\""
    as_postgres tee "$dir/pg_config" >/dev/null <<<"#!/bin/sh
[ \"\$*\" = --bindir ] && echo '$dir/bin' && exit
exec '$PG_CONFIG' \"\$@\""
    as_postgres chmod 755 "$dir/bin/postgres" "$dir/bin/pg_ctl" "$dir/pg_config"
}
