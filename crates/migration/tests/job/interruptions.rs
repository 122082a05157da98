//! A copy that is killed after any of its commands that write: a second run completes it.

use crate::tree::{Tree, assert_same};
use crate::volume::{STATE, Shell, TWO, Volume};
use ordinance_migration::JobMode;

/// The programs that change the volume.
const WRITERS: [&str; 8] = ["chmod", "chown", "cp", "mkdir", "mv", "rm", "sync", "touch"];

/// More calls than a copy makes.
const CALLS: usize = 200;

/// Has the copy killed after this call of a writing program, with all its processes.
fn kill_after(volume: &Volume, call: usize) {
    let count = "calls=0; [ ! -e \"$FOLDER/calls\" ] || read -r calls < \"$FOLDER/calls\"\n\
                 calls=$((calls + 1)); echo $calls > \"$FOLDER/calls\"";
    let kill = format!("[ \"$calls\" != {call} ] || kill -KILL 0");
    for program in WRITERS {
        volume.replace(program, &format!("{count}\n$REAL \"$@\"\nstatus=$?\n{kill}\nexit $status"));
    }
}

fn fill(volume: &Volume) -> Tree {
    volume.write("a b/file", "1");
    volume.write("other", "2");
    volume.originals()
}

/// Checks that a directory is absent or complete.
fn is_whole(volume: &Volume, directory: &str, originals: &Tree) {
    assert!(!volume.has(directory) || volume.below(directory) == *originals, "{directory} is incomplete");
}

/// Kills a copy at one call, and returns whether it was killed.
fn interrupted(shell: &Shell, call: usize) -> bool {
    let volume = Volume::new(shell);
    let originals = fill(&volume);
    kill_after(&volume, call);
    let output = volume.run(JobMode::Copy, &TWO);
    volume.restore();
    assert_same(&volume.originals(), &originals);
    is_whole(&volume, "web-0", &originals);
    is_whole(&volume, "web-1", &originals);
    volume.ok(JobMode::Copy, &TWO);
    assert_same(&volume.originals(), &originals);
    for directory in ["web-0", "web-1"] {
        assert_same(&volume.below(directory), &originals);
    }
    output.status.code().is_none()
}

#[test]
fn a_copy_that_is_killed_anywhere_is_completed_by_the_next_run() {
    let shell = Shell::own();
    let killed = (1..CALLS).take_while(|call| interrupted(&shell, *call)).count();
    assert!((20..CALLS - 1).contains(&killed), "{killed} calls");
}

#[test]
fn a_roll_back_that_is_killed_anywhere_is_completed_by_the_next_run() {
    let shell = Shell::own();
    let is_killed = |call: &usize| {
        let volume = Volume::new(&shell);
        let originals = fill(&volume);
        volume.ok(JobMode::Copy, &TWO);
        volume.write("web-0/new", "by a pod");
        kill_after(&volume, *call);
        let output = volume.run(JobMode::RollBack, &TWO);
        volume.restore();
        volume.ok(JobMode::RollBack, &TWO);
        assert_same(&volume.originals(), &originals);
        assert!(!volume.has("web-0") && !volume.has("web-1"), "call {call}");
        let aside = volume.below(STATE);
        assert!(aside.keys().any(|path| path.ends_with("web-0/new")), "call {call}: {:?}", aside.keys());
        output.status.code().is_none()
    };
    let killed = (1..CALLS).take_while(is_killed).count();
    assert!((3..CALLS - 1).contains(&killed), "{killed} calls");
}

#[test]
fn originals_that_change_after_an_interruption_are_not_mixed() {
    Volume::in_each_shell(|volume| {
        fill(volume);
        volume.ok(JobMode::Copy, &["source=", "top=web-0", "top=web-1", "copy=web-0"]);
        volume.write("other", "3");
        volume.refused(JobMode::Copy, &TWO, "roll back first");
        assert!(!volume.has("web-1"));
        volume.ok(JobMode::RollBack, &TWO);
        volume.ok(JobMode::Copy, &TWO);
        assert_same(&volume.below("web-0"), &volume.originals());
    });
}
