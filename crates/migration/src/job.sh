# Copies the files of a volume into a directory for each ordinal, and compares the copies.
#
# Usage: sh -c SCRIPT NAME MODE ROOT SCRATCH STATE ARGUMENT...
#
# MODE      check      change nothing; count the files, and the room that their copies need
#           copy       copy, compare, and only then put the directories of the ordinals into place
#           verify     compare the originals with what they were before the copy
#           roll-back  set the directories of the ordinals aside; the originals are where they were
#           clean-up   delete the originals, if they are what they were before the copy
# ROOT      where the volume is mounted
# SCRATCH   an empty directory for temporary files
# STATE     the entry of ROOT for checksums, and for copies that are not complete
# ARGUMENT  source=DIR    a directory of ROOT with files of all ordinals; empty for ROOT itself
#           exclude=NAME  an entry of ROOT that is not copied
#           top=NAME      an entry of ROOT that becomes an ordinal's directory, or contains it
#           copy=DIR      the directory of an ordinal that gets a copy of every source
#           empty=DIR     the directory of an ordinal that gets no files
#
# NAME, STATE and the directories of ordinals have no spaces and no wildcards; DIR of a source may have any character.
set -euf
export LC_ALL=C
mode=$1 root=$2 scratch=$3 state=$4
shift 4
work=$root/$state
new=$work/new

fail() {
    printf 'error: %s\n' "$*" >&2
    exit 1
}

# Sets $claimed to the entries of ROOT that migrations got, those of other sets too.
find_claimed() {
    claimed=
    find "$root" -mindepth 1 -maxdepth 1 -name '.ordinance-migration-*' > "$scratch/states" ||
        fail "can't list the volume"
    while read -r other; do
        if [ -f "$other/tops" ]; then claimed="$claimed ${other##*/} $(tr '\n' ' ' < "$other/tops")"; fi
    done < "$scratch/states"
}

# Fails if an entry of ROOT is in the way of an ordinal's directory.
expect_free() {
    taken=
    for argument in "$@"; do
        top=${argument#top=}
        case "$argument $claimed " in
            top=*" $top "*) ;;
            top=*) if [ -e "$root/$top" ] || [ -L "$root/$top" ]; then taken="$taken $top"; fi ;;
        esac
    done
    [ -z "$taken" ] || fail "the volume has entries where the ordinals' directories go:$taken. If they are the" \
        "ordinals' files already, nothing is to migrate; else plan with --prefix NAME"
}

# Sets $left_out to tests of find for the entries of a source that are not its files.
find_left_out() {
    left_out="-path ./$state"
    source=$1
    shift
    if [ -n "$source" ]; then return 0; fi
    for entry in $claimed; do left_out="$left_out -o -path ./$entry"; done
    for entry in "$@"; do
        case $entry in
            top=* | exclude=*) left_out="$left_out -o -path ./${entry#*=}" ;;
        esac
    done
}

# Runs find on the files below a directory, without what is left out, and fails if it or a command of it fails.
files() {
    searched=$1
    shift
    rm -f "$scratch/failed"
    # shellcheck disable=SC2086
    (cd "$searched" && find . -mindepth 1 \( $left_out \) -prune -o "$@") || fail "can't read all of $searched"
    [ ! -e "$scratch/failed" ] || fail "can't read all files of $searched"
}

# Writes what the files below a directory are: checksums, and types, modes, owners, times and targets of links.
describe() {
    output=$2
    files "$1" -type f -exec sh -c 'sha256sum "$@" || : > "$0"' "$scratch/failed" {} + > "$scratch/list"
    files "$1" -type f -exec sh -c 'stat -c "%F %a %u:%g %s %Y %n" "$@" || : > "$0"' "$scratch/failed" {} + \
        >> "$scratch/list"
    files "$1" -type d -exec sh -c 'stat -c "%F %a %u:%g %Y %n" "$@" || : > "$0"' "$scratch/failed" {} + \
        >> "$scratch/list"
    files "$1" -type l -exec sh -c 'stat -c "%F %u:%g %N" "$@" || : > "$0"' "$scratch/failed" {} + \
        >> "$scratch/list"
    files "$1" ! -type f ! -type d ! -type l -exec sh -c 'stat -c "%F %a %u:%g %t:%T %n" "$@" || : > "$0"' \
        "$scratch/failed" {} + >> "$scratch/list"
    sort "$scratch/list" > "$output" || fail "can't write $output"
}

# Writes when the files below a directory changed last.
changes() {
    files "$1" -exec sh -c 'stat -c "%z %s %n" "$@" || : > "$0"' "$scratch/failed" {} + > "$scratch/list"
    sort "$scratch/list" > "$2" || fail "can't write $2"
}

# Gives a directory the mode, the owner and the times of another one.
liken() {
    chown "$(stat -c %u:%g "$1")" "$2" && chmod "$(stat -c %a "$1")" "$2" && touch -r "$1" "$2" ||
        fail "can't give $2 the owner and the mode of $1"
}

# Creates a directory below the second one, and those around it, like those below the first one.
make_like() {
    like=$1 made=$2 rest=${3:+$3/}
    while [ -n "$rest" ]; do
        like=$like/${rest%%/*} made=$made/${rest%%/*} rest=${rest#*/}
        if [ ! -d "$made" ]; then
            mkdir "$made" || fail "can't create $made"
            if [ -d "$like" ]; then liken "$like" "$made"; fi
        fi
    done
}

# Copies the sources into the new directory, and compares each copy.
copy_sources() {
    number=0
    for argument in "$@"; do
        if select_source "$argument" "$@"; then
            make_like "$root" "$new" "$source"
            copy_entries "$root/$source" "$new${source:+/$source}"
            expect_copy "$new${source:+/$source}"
            liken "$root/$source" "$new${source:+/$source}"
        fi
    done
}

# Copies the entries of a directory. One command copies many, so that hard links between them stay links.
copy_entries() {
    rm -f "$scratch/failed"
    # shellcheck disable=SC2086
    (cd "$1" && find . -mindepth 1 -maxdepth 1 ! \( $left_out \) -exec sh -c \
        'target=$1 failed=$2; shift 2; cp -a "$@" "$target/" || : > "$failed"' sh "$2" "$scratch/failed" {} +) ||
        fail "can't list $1"
    [ ! -e "$scratch/failed" ] || fail "the copy failed; the originals are unchanged"
}

# Fails if a copy is not what the originals are.
expect_copy() {
    left_out='-path .'
    describe "$1" "$scratch/copied"
    cmp -s "$work/originals/$number" "$scratch/copied" || {
        diff "$work/originals/$number" "$scratch/copied" | head -n 20 >&2
        fail "the copy differs from the originals (< original, > copy); the originals are unchanged"
    }
}

# Makes the directory of an ordinal: a complete one is left alone, and one that was interrupted is made again.
make_directory() {
    directory=$1
    if [ -e "$work/done/$directory" ] && [ ! -d "$work/ready/$directory" ] && [ ! -d "$root/$directory" ]; then
        rm "$work/done/$directory"
    fi
    if [ ! -e "$work/done/$directory" ]; then
        [ ! -e "$root/$directory" ] || fail "$directory exists, and this migration has not made it"
        make_ready "$@"
        make_around "$directory" "$work/done"
        : > "$work/done/$directory"
    fi
    if [ ! -d "$root/$directory" ]; then
        make_around "$directory" "$root"
        mv "$work/ready/$directory" "$root/$directory"
    fi
    printf '%s: complete\n' "$directory"
}

# Makes the complete directory of an ordinal below STATE.
make_ready() {
    content=$2
    shift 2
    rm -rf "$new" "$work/ready"
    mkdir "$new" "$work/ready"
    if [ "$content" = copy ]; then copy_sources "$@"; fi
    liken "$root" "$new"
    sync
    make_around "$directory" "$work/ready"
    mv "$new" "$work/ready/$directory"
}

# Creates the directories around a directory, like the root.
make_around() {
    around=$1 made=$2
    while [ "${around#*/}" != "$around" ]; do
        made=$made/${around%%/*} around=${around#*/}
        if [ ! -d "$made" ]; then
            mkdir "$made"
            liken "$root" "$made"
        fi
    done
}

# select_source ARGUMENT ALL...: if the argument is a source that exists, selects its files with find_left_out and
# returns true. Sets $number to the number of the source in any case.
select_source() {
    case $1 in
        source=*) number=$((number + 1)) ;;
        *) return 1 ;;
    esac
    source=${1#source=}
    shift
    [ -z "$source" ] || [ ! -L "$root/$source" ] || fail "$source is a symbolic link, and no directory"
    [ ! -e "$root/$source" ] || [ -d "$root/$source" ] || fail "$source is no directory, so it can't be migrated"
    find_left_out "$source" "$@"
    [ -d "$root/$source" ]
}

# Writes what the sources are, and when their files changed last, into two files per source.
describe_sources() {
    descriptions=$1 number=0
    shift
    rm -rf "$descriptions"
    mkdir "$descriptions"
    for argument in "$@"; do
        if select_source "$argument" "$@"; then
            changes "$root/$source" "$descriptions/$number.changes"
            describe "$root/$source" "$descriptions/$number"
        fi
    done
}

# Returns whether no file of a source has changed since the copy, by the times of their changes.
is_unchanged() {
    number=0
    for argument in "$@"; do
        if select_source "$argument" "$@"; then
            changes "$root/$source" "$scratch/changed"
            cmp -s "$work/originals/$number.changes" "$scratch/changed" || {
                diff "$work/originals/$number.changes" "$scratch/changed" | head -n 20 >&2
                return 1
            }
        fi
    done
}

# Fails if the originals are not what they were before the copy, by their checksums.
expect_originals() {
    [ -d "$work/originals" ] || fail "the volume has no checksums of this migration"
    describe_sources "$scratch/originals" "$@"
    number=0
    for argument in "$@"; do
        case $argument in
            source=*) number=$((number + 1)) ;;
            *) continue ;;
        esac
        if [ ! -e "$work/originals/$number" ] && [ ! -e "$scratch/originals/$number" ]; then continue; fi
        cmp -s "$work/originals/$number" "$scratch/originals/$number" || {
            diff "$work/originals/$number" "$scratch/originals/$number" | head -n 20 >&2
            fail "the originals are not what they were before the copy (< then, > now)." \
                "To copy them again, roll back first"
        }
    done
}

# Counts files, bytes and copies, and fails if the copies need more room than there is.
expect_room() {
    copies=0 bytes=0 entries=0 number=0
    for argument in "$@"; do
        case $argument in
            copy=*) if [ ! -e "$work/done/${argument#copy=}" ]; then copies=$((copies + 1)); fi ;;
        esac
        if select_source "$argument" "$@"; then
            files "$root/$source" -exec sh -c 'stat -c %s "$@" || : > "$0"' "$scratch/failed" {} + > "$scratch/sizes"
            bytes=$((bytes + $(awk '{ sum += $1 } END { printf "%.0f", sum }' "$scratch/sizes")))
            entries=$((entries + $(wc -l < "$scratch/sizes")))
        fi
    done
    needed=$(((bytes * copies + 1023) / 1024))
    free=$(df -Pk "$root" | awk 'NR > 1 { print $(NF - 2) }')
    printf '%s entries with %s bytes, %s copies to make: %s KiB needed, %s KiB free\n' \
        "$entries" "$bytes" "$copies" "$needed" "${free:-unknown}"
    case $free in
        '' | *[!0-9]*) ;;
        *) [ "$needed" -le "$free" ] || fail "the copies need $needed KiB, and the volume has $free KiB free" ;;
    esac
}

# Fails if a file can't be read, or if the volume can't be written with the owners that the files have.
expect_access() {
    number=0
    for argument in "$@"; do
        if select_source "$argument" "$@"; then
            files "$root/$source" -type f -exec sh -c \
                'for file; do true < "$file" || : > "$0"; done' "$scratch/failed" {} +
            files "$root/$source" -exec sh -c 'stat -c %u:%g "$@" || : > "$0"' "$scratch/failed" {} + \
                > "$scratch/owners"
            stat -c %u:%g "$root" "$root/$source" >> "$scratch/owners"
            sort -u "$scratch/owners" > "$scratch/each-owner"
            try_owners
        fi
    done
}

# Creates and removes an empty file for each owner.
try_owners() {
    is_new=no
    if [ ! -d "$work" ]; then
        is_new=yes
        mkdir "$work" || fail "can't write to the volume as user $(id -u)"
    fi
    while read -r owner; do
        : > "$work/probe" || fail "can't write to the volume as user $(id -u)"
        chown "$owner" "$work/probe" || is_new=refused
        rm -f "$work/probe"
        [ "$is_new" != refused ] || break
    done < "$scratch/each-owner"
    case $is_new in yes | refused) rmdir "$work" 2> /dev/null || : ;; esac
    [ "$is_new" != refused ] || fail "can't give files to $owner as user $(id -u). If the server maps root to another" \
        "user, plan with --as-pod: it works if the pods' user owns all files"
}

# Returns whether an ordinal's directory is complete.
has_complete() {
    [ -d "$work/done" ] && [ -n "$(find "$work/done" -type f)" ]
}

# Makes the checksums of the originals, or compares the originals with them if a directory was made from them already.
record_originals() {
    if has_complete; then
        expect_originals "$@"
        return 0
    fi
    describe_sources "$work/originals.new" "$@"
    rm -rf "$work/originals"
    mv "$work/originals.new" "$work/originals"
}

# Lists the entries that this migration gets, before it makes the first one.
claim_tops() {
    for argument in "$@"; do
        case $argument in
            top=*) printf '%s\n' "${argument#top=}" ;;
        esac
    done > "$work/tops.new"
    mv "$work/tops.new" "$work/tops"
}

# Moves the ordinals' directories into the first unused directory below STATE.
set_aside() {
    aside=1
    while [ -e "$work/rolled-back/$aside" ]; do aside=$((aside + 1)); done
    for argument in "$@"; do
        case $argument in
            copy=* | empty=*) directory=${argument#*=} ;;
            *) continue ;;
        esac
        if [ -e "$work/done/$directory" ] && [ -d "$root/$directory" ]; then
            mkdir -p "$work/rolled-back/$aside"
            make_around "$directory" "$work/rolled-back/$aside"
            mv "$root/$directory" "$work/rolled-back/$aside/$directory"
            printf '%s: moved to %s/rolled-back/%s\n' "$directory" "$state" "$aside"
            around=$directory
            while [ "${around%/*}" != "$around" ]; do
                around=${around%/*}
                rmdir "$root/$around" 2> /dev/null || :
            done
        fi
    done
}

find_claimed
case $mode in
    check)
        expect_free "$@"
        expect_room "$@"
        expect_access "$@"
        echo 'nothing is in the way'
        ;;
    copy)
        [ ! -e "$work/cleaned-up" ] || fail "the originals were deleted after an earlier migration"
        expect_free "$@"
        expect_room "$@"
        expect_access "$@"
        mkdir -p "$work/done"
        chmod 700 "$work"
        record_originals "$@"
        claim_tops "$@"
        for argument in "$@"; do
            case $argument in
                copy=* | empty=*) make_directory "${argument#*=}" "${argument%%=*}" "$@" ;;
            esac
        done
        is_unchanged "$@" || fail "files changed while they were copied (< before, > now): something still writes to" \
            "the volume. Stop it, roll back, and start again"
        rm -rf "$new" "$work/ready"
        echo 'every copy equals the originals'
        ;;
    verify)
        expect_originals "$@"
        echo 'the originals are what they were before the copy'
        ;;
    roll-back)
        [ ! -e "$work/cleaned-up" ] || fail "the originals were deleted, so there is nothing to roll back to"
        if [ -d "$work/originals" ] && ! is_unchanged "$@"; then
            echo 'warning: originals changed since they were copied (< then, > now)' >&2
        fi
        set_aside "$@"
        rm -rf "$work/done" "$work/originals" "$work/tops" "$work/ready" "$new"
        echo 'the originals are at the root'
        ;;
    clean-up)
        for argument in "$@"; do
            case $argument in
                copy=* | empty=*)
                    [ -e "$work/done/${argument#*=}" ] && [ -d "$root/${argument#*=}" ] ||
                        fail "the directory ${argument#*=} is not complete"
                    ;;
            esac
        done
        expect_originals "$@"
        : > "$work/cleaned-up"
        number=0
        for argument in "$@"; do
            if select_source "$argument" "$@"; then
                # shellcheck disable=SC2086
                (cd "$root/$source" && find . -mindepth 1 -maxdepth 1 ! \( $left_out \) -exec rm -rf {} +) ||
                    fail "can't delete all of $root/$source"
            fi
        done
        echo 'the originals are deleted'
        ;;
    *) fail "unknown mode $mode" ;;
esac
