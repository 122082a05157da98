
say() {
    printf '%s\n' "$*" >&2
}

fail() {
    say "error: $*"
    exit 1
}

# Says in which state the set is if a step fails.
trap 'status=$?; [ "$status" = 0 ] || say "Stopped. $hint"' EXIT
hint='Nothing has been changed.'

# Runs a Job, shows its log, and fails if it fails.
run_job() {
    say "Job $1"
    k delete job "$1" --ignore-not-found --cascade=foreground >&2
    manifest "$1" | k create --filename=- >&2
    waited=0
    while :; do
        case $(k get job "$1" --output='jsonpath={.status.succeeded}/{.status.failed}') in
            1/*) break ;;
            */1)
                k logs "job/$1" >&2 || :
                fail "Job $1 failed"
                ;;
        esac
        case $(k get pods --selector="job-name=$1" --output='jsonpath={.items[*].status.phase}') in
            Running) waited=0 ;;
            *) waited=$((waited + POLL)) ;;
        esac
        if [ "$waited" -ge "$PENDING_LIMIT" ]; then
            k describe pods --selector="job-name=$1" >&2 || :
            fail "the pod of Job $1 does not start"
        fi
        sleep "$POLL"
    done
    k logs "job/$1" >&2
}

# Fails unless the set is the one of the plan, before the migration or after it.
check_set() {
    replicas=$(k get statefulset "$SET" --output='jsonpath={.spec.replicas}')
    case $replicas in
        0 | "$REPLICAS") ;;
        *) fail "the set has $replicas replicas, and the plan is for $REPLICAS; make a new plan" ;;
    esac
    mounts=$(k get statefulset "$SET" --output="$MOUNTS_PATH")
    case $mounts in
        "$MOUNTS_BEFORE" | "$MOUNTS_AFTER") ;;
        *) fail "the mounts of the set are not those of the plan; make a new plan" ;;
    esac
}

# Fails if a pod that is not the set's uses one of the claims.
check_users() {
    users=$(k get pods --selector="!$LABEL" --field-selector=status.phase!=Succeeded,status.phase!=Failed --output='jsonpath={range .items[*]}{.metadata.name}{range .spec.volumes[*]}{" "}{.persistentVolumeClaim.claimName}{end}{"\n"}{end}')
    others=$(printf '%s\n' "$users" | while read -r pod claims; do
        case " $PODS " in *" $pod "*) continue ;; esac
        for claim in $claims; do
            case " $CLAIMS " in *" $claim "*) printf ' %s' "$pod" ;; esac
        done
    done)
    [ -z "$others" ] || fail "other pods use the claims:$others; stop them first"
}

# Scales the set to 0, and waits until its pods are gone.
scale_down() {
    say "scaling the set to 0"
    hint="The set is scaled to 0. Run this script again with the same arguments to go on, or: sh $0 --roll-back --yes"
    k scale statefulset "$SET" --replicas=0 >&2
    while [ -n "$(k get pods $PODS --ignore-not-found --output=name)" ]; do sleep "$POLL"; done
}

scale_up() {
    say "scaling the set to $REPLICAS"
    k scale statefulset "$SET" --replicas="$REPLICAS" >&2
    hint='The set has its replicas again, but they are not ready: kubectl describe its pods.'
    k rollout status "statefulset/$SET" --timeout="$ROLLOUT_LIMIT" >&2
}

# Writes the annotation of the claims.
mark_claims() {
    marks | while read -r claim mark; do
        k annotate persistentvolumeclaim "$claim" --overwrite "ordinance.dev/sub-path=${1:-$mark}" >&2
    done
}

migrate() {
    check_set
    check_users
    for job in $CHECK_JOBS; do run_job "$job"; done
    if [ "$yes" = no ]; then
        say "Nothing is in the way. To migrate: sh $0 --yes"
        return 0
    fi
    scale_down
    check_users
    for job in $COPY_JOBS; do run_job "$job"; done
    if [ "$mounts" = "$MOUNTS_BEFORE" ]; then
        say "writing the expressions"
        patch | k patch statefulset "$SET" --type=json --patch-file=/dev/stdin >&2
    fi
    mark_claims
    scale_up
    say "Migrated. The originals are where they were; keep them until every replica is checked."
}

roll_back() {
    check_set
    if [ "$yes" = no ]; then
        say "Would scale the set to 0, take the expressions back, set the ordinals' directories aside, and scale up."
        say "To do it: sh $0 --roll-back --yes"
        return 0
    fi
    scale_down
    check_users
    if [ "$mounts" = "$MOUNTS_AFTER" ]; then
        say "taking the expressions back"
        # Ordinance puts lost expressions back, except on volumes that are shared on purpose.
        k annotate statefulset "$SET" --overwrite "$SHARED_VOLUMES_ALL" >&2
        roll_back_patch | k patch statefulset "$SET" --type=json --patch-file=/dev/stdin >&2
    fi
    mark_claims .
    for job in $ROLL_BACK_JOBS; do run_job "$job"; done
    k annotate statefulset "$SET" --overwrite "$SHARED_VOLUMES_BEFORE" >&2
    scale_up
    say "Rolled back. What the replicas wrote since the migration is in $STATE/rolled-back on the volume."
}

action=migrate yes=no
for argument in "$@"; do
    case $argument in
        --yes) yes=yes ;;
        --roll-back) action=roll_back ;;
        --help)
            say "usage: sh $0 [--roll-back] [--yes]; without --yes it only checks"
            exit 0
            ;;
        *)
            say "error: unknown argument $argument; usage: sh $0 [--roll-back] [--yes]"
            exit 64
            ;;
    esac
done
"$action"
