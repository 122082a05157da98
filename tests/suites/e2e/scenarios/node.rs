//! Pods that really run: the files that they write, and the pages that they serve.

mod in_use;
mod killed;
mod kinds;
mod migrated;
mod pages;
mod shared_sets;
mod story;
mod users;

use ordinance_e2e::Scenario;

/// The scenarios of this file.
pub fn scenarios() -> Vec<Scenario> {
    vec![
        Scenario::on_node("node::each_ordinal_keeps_its_own_page", story::founding_story),
        Scenario::on_node("node::replicas_of_every_kind_of_storage_keep_their_pages", kinds::kinds),
        Scenario::on_node("node::no_command_hides_a_file_of_a_set_in_use", in_use::in_use),
        Scenario::on_node("node::a_migrated_set_finds_every_file_again", migrated::migrated),
        Scenario::on_node("node::a_non_root_pod_writes_to_a_prepared_export", users::users),
        Scenario::with_node_programs("node::a_killed_run_leaves_nothing_behind", killed::killed),
    ]
}
