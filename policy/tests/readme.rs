//! The settings in README are the defaults.

use ordinance_policy::Settings;

#[test]
fn the_settings_in_the_readme_are_the_defaults() {
    let readme = include_str!("../../README.md");
    let block = readme.split("```yaml\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    assert_eq!(serde_saphyr::from_str::<Settings>(block).unwrap(), Settings::default());
}
