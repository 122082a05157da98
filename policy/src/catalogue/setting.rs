//! Rows that operators add by the setting `drivers`.

use super::template::{self, TemplateError};
use super::texts::SEPARATOR;
use super::{ClassRow, Driver, PatternVariables, Texts, built_in, handle, is_named};
#[cfg(test)]
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Separates the fields of a row, and ends a row.
const FIELD: char = '\t';
const ROW: char = '\n';

/// How a driver finds the files of its volumes, in the settings.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct DriverSetting {
    /// The names of the driver, e.g. `csi.example.com`. `*` at the beginning or the end stands for any text.
    pub names: Vec<String>,
    /// Templates of the place of a volume, of which the first that applies counts: `nfs://{server}/{share}//{subdir?}`.
    /// `docs/storage.md` explains them.
    pub location: Vec<String>,
    /// The parts of a `volumeHandle` with their separators, e.g. `group#account#share`; `location` takes them as
    /// `{handle.share}`.
    pub handle: String,
    /// Words that may stand before the parts of a handle, e.g. `efs` of `efs:fs-1`.
    pub handle_types: Vec<String>,
    /// The attribute in which a volume has more mount options.
    pub options_attribute: String,
    /// Whether a pod may name a volume without a claim, and with it files that other pods name too. By default `false`.
    pub inline: bool,
    /// What the parameters of a StorageClass say.
    pub class: ClassSetting,
}

/// How the parameters of a StorageClass choose the directories of its volumes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct ClassSetting {
    /// The parameters that name the directory of a claim, outermost first. Without the first one the provisioner makes a
    /// directory of its own for each claim.
    pub directory: Vec<String>,
    /// The variable in them that stands for the name of the volume, e.g. `${pv.metadata.name}`.
    pub volume_variable: String,
    /// The variable that stands for the claim's namespace.
    pub namespace_variable: String,
    /// The variable that stands for the claim's name.
    pub claim_variable: String,
    /// Conditions on parameters, e.g. `[!subDir]`, one of which is enough for all claims to get one directory.
    pub shared_if: Vec<String>,
    /// Conditions on parameters, e.g. `[onDelete=retain]`, one of which is enough to keep the files of a deleted claim.
    pub keeps_files_if: Vec<String>,
}

/// The rows of the settings, as one text that is searched only for a driver that no built-in row knows.
#[derive(Clone, Debug, Default)]
pub struct Drivers {
    text: String,
    /// Where the rows begin in the text.
    start: usize,
}

/// A field of a row that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct DriverProblem {
    /// e.g. `location[0]`.
    pub(crate) field: String,
    pub(crate) message: String,
}

// === impl Drivers ===

impl Drivers {
    /// Returns the rows at the end of a text, as [`as_text`](Self::as_text) returned them.
    pub(crate) const fn of_end(text: String, start: usize) -> Self {
        Self { text, start }
    }

    /// The rows as one text.
    pub(crate) fn as_text(&self) -> &str {
        self.text.get(self.start..).unwrap_or_default()
    }

    /// Returns the row of a driver.
    pub(super) fn find(&self, name: &str) -> Option<Driver<'_>> {
        self.rows().find(|row| row.names.iter().any(|pattern| is_named(pattern, name)))
    }

    /// Returns whether a row of the settings says that pods name volumes of a driver without a claim.
    pub(crate) fn has_inline(&self, name: &str) -> bool {
        !self.as_text().is_empty() && self.find(name).is_some_and(|row| row.inline)
    }

    /// Returns all rows.
    pub(crate) fn rows(&self) -> impl Iterator<Item = Driver<'_>> {
        self.as_text().split_terminator(ROW).map(row)
    }
}

/// Parses a row of the text.
fn row(text: &str) -> Driver<'_> {
    let mut fields = text.split(FIELD);
    let mut next = || fields.next().unwrap_or_default();
    Driver {
        names: Texts::Joined(next()),
        location: Texts::Joined(next()),
        handle: next(),
        handle_types: Texts::Joined(next()),
        options: next(),
        inline: next() == "inline",
        class: ClassRow {
            directory: Texts::Joined(next()),
            variables: PatternVariables { volume: next(), namespace: next(), claim: next() },
            shared_if: Texts::Joined(next()),
            keeps_files_if: Texts::Joined(next()),
            ..ClassRow::NONE
        },
        ..Driver::NONE
    }
}

impl<'de> Deserialize<'de> for Drivers {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let rows = Vec::<DriverSetting>::deserialize(deserializer)?;
        Ok(Self::of_end(rows.iter().map(DriverSetting::to_text).collect(), 0))
    }
}

impl PartialEq for Drivers {
    fn eq(&self, other: &Self) -> bool {
        self.as_text() == other.as_text()
    }
}

impl Eq for Drivers {}

impl Serialize for Drivers {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.rows().map(|row| DriverSetting::from(&row)))
    }
}

#[cfg(test)]
impl JsonSchema for Drivers {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        <Vec<DriverSetting>>::schema_name()
    }

    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        <Vec<DriverSetting>>::json_schema(generator)
    }

    fn inline_schema() -> bool {
        true
    }
}

// === impl DriverSetting ===

impl DriverSetting {
    /// Returns the row as a line of the text.
    fn to_text(&self) -> String {
        let joined = |texts: &[String]| texts.join(&SEPARATOR.to_string());
        let class = &self.class;
        let fields = [
            joined(&self.names),
            joined(&self.location),
            self.handle.clone(),
            joined(&self.handle_types),
            self.options_attribute.clone(),
            if self.inline { "inline" } else { "" }.to_owned(),
            joined(&class.directory),
            class.volume_variable.clone(),
            class.namespace_variable.clone(),
            class.claim_variable.clone(),
            joined(&class.shared_if),
            joined(&class.keeps_files_if),
        ];
        fields.join(&FIELD.to_string()) + &ROW.to_string()
    }

    /// Returns every field that cannot be used.
    pub(crate) fn problems(&self) -> Vec<DriverProblem> {
        let written =
            [&self.handle, &self.options_attribute].into_iter().chain(&self.names).chain(&self.location);
        let class = &self.class;
        let variables = [&class.volume_variable, &class.namespace_variable, &class.claim_variable];
        let class =
            class.directory.iter().chain(&class.shared_if).chain(&class.keeps_files_if).chain(variables);
        if written.chain(&self.handle_types).chain(class).any(|text| text.contains(char::is_control)) {
            return vec![problem("", "has a control character".to_owned())];
        }
        let mut problems = problems(&row(self.to_text().trim_end_matches(ROW)));
        if self.location.is_empty() && self.class == ClassSetting::default() {
            let message =
                "is empty: write where the files of a volume are, e.g. nfs://{server}/{share}".to_owned();
            problems.push(problem("location", message));
        }
        problems
    }
}

impl From<&Driver<'_>> for DriverSetting {
    fn from(row: &Driver<'_>) -> Self {
        let list = |texts: Texts<'_>| texts.iter().map(str::to_owned).collect();
        let class = &row.class;
        Self {
            names: list(row.names),
            location: list(row.location),
            handle: row.handle.to_owned(),
            handle_types: list(row.handle_types),
            options_attribute: row.options.to_owned(),
            inline: row.inline,
            class: ClassSetting {
                directory: list(class.directory),
                volume_variable: class.variables.volume.to_owned(),
                namespace_variable: class.variables.namespace.to_owned(),
                claim_variable: class.variables.claim.to_owned(),
                shared_if: list(class.shared_if),
                keeps_files_if: list(class.keeps_files_if),
            },
        }
    }
}

/// Returns every field of a row that cannot be used.
pub(super) fn problems(row: &Driver<'_>) -> Vec<DriverProblem> {
    let mut problems = Vec::new();
    if row.names.iter().next().is_none() {
        problems.push(problem("names", "is empty: name a driver, e.g. csi.example.com".to_owned()));
    }
    for (index, name) in row.names.iter().enumerate() {
        if name.trim_matches('*').is_empty() || name.contains(char::is_whitespace) {
            problems
                .push(problem(format!("names[{index}]"), format!("{name:?} is not the name of a driver")));
        }
    }
    let parts: Vec<&str> = handle::parts(row.handle).collect();
    if !row.handle.is_empty() && parts.len() < 2 {
        let message = format!("{:?} has no parts: write e.g. group#account#share", row.handle);
        problems.push(problem("handle", message));
    }
    let checks = (row.location.iter().enumerate())
        .map(|(index, template)| (format!("location[{index}]"), template, template::check(template, &parts)));
    let conditions = |field: &'static str, texts: Texts<'_>| -> Vec<DriverProblem> {
        let checked =
            texts.iter().enumerate().map(|(index, text)| (index, text, template::check_conditions(text)));
        checked
            .filter_map(|(index, text, check)| unusable(format!("class.{field}[{index}]"), text, check))
            .collect()
    };
    problems.extend(checks.filter_map(|(field, template, check)| unusable(field, template, check)));
    problems.extend(conditions("sharedIf", row.class.shared_if));
    problems.extend(conditions("keepsFilesIf", row.class.keeps_files_if));
    problems
}

/// Returns the problem of a text that cannot be parsed.
fn unusable(field: String, text: &str, check: Result<(), TemplateError<'_>>) -> Option<DriverProblem> {
    let error = check.err()?;
    Some(problem(field, format!("{text:?} {error}")))
}

fn problem(field: impl Into<String>, message: String) -> DriverProblem {
    DriverProblem { field: field.into(), message }
}

/// Returns the problems of the names of several rows: a driver has one row, built in or of the settings.
pub(crate) fn repeated_names(rows: &[DriverSetting]) -> Vec<(usize, DriverProblem)> {
    let mut seen: std::collections::BTreeMap<&str, usize> = std::collections::BTreeMap::new();
    let mut problems = Vec::new();
    for (row, setting) in rows.iter().enumerate() {
        for (index, name) in setting.names.iter().enumerate() {
            let field = format!("names[{index}]");
            if built_in(name).is_some() {
                problems.push((
                    row,
                    problem(field, format!("{name:?} has a built-in row: a driver has one row")),
                ));
            } else if let Some(other) = seen.insert(name, row) {
                let message = format!("{name:?} has a row already, drivers[{other}]: a driver has one row");
                problems.push((row, problem(field, message)));
            }
        }
    }
    problems
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROWS: &str = r#"[{"names":["csi.example.com","*.csi.example.com"],"location":["[a=b c]nfs://{server}","x://{handle.b}"],
        "handle":"a#b","handleTypes":["t"],"optionsAttribute":"opts","inline":true,
        "class":{"directory":["subDir"],"volumeVariable":"${v}","sharedIf":["[!subDir]"]}},{"names":["other"]}]"#;

    #[test]
    fn rows_survive_their_text() {
        let drivers: Drivers = serde_json::from_str(ROWS).expect("rows");
        let again = Drivers::of_end(format!("x{}", drivers.as_text()), 1);
        assert_eq!(again, drivers);
        let row = again.find("my.csi.example.com").expect("a row");
        assert_eq!(row.location.iter().collect::<Vec<_>>(), ["[a=b c]nfs://{server}", "x://{handle.b}"]);
        assert_eq!((row.handle, row.options, row.inline), ("a#b", "opts", true));
        assert_eq!(row.class.variables.volume, "${v}");
        assert_eq!(again.find("csi.example.org"), None);
        let written: Vec<DriverSetting> = serde_json::from_str(ROWS).expect("rows");
        let settings = serde_json::to_value(&again).ok();
        assert_eq!(settings, serde_json::to_value(&written).ok());
    }

    #[test]
    fn every_field_that_cannot_be_used_is_told() {
        let fields = |json: &str| {
            let row: DriverSetting = serde_json::from_str(json).expect("a row");
            row.problems().into_iter().map(|problem| problem.field).collect::<Vec<_>>()
        };
        assert_eq!(
            fields(r#"{"location":["nfs://{server"],"handle":"a"}"#),
            ["names", "handle", "location[0]"]
        );
        assert_eq!(fields(r#"{"names":["a b","*"]}"#), ["names[0]", "names[1]", "location"]);
        assert_eq!(fields(r#"{"names":["a"],"class":{"sharedIf":["[x"]}}"#), ["class.sharedIf[0]"]);
        assert_eq!(fields(r#"{"names":["a\n"],"location":["nfs://{s}"]}"#), [""]);
    }

    #[test]
    fn a_driver_with_two_rows_is_told() {
        let rows: Vec<DriverSetting> =
            serde_json::from_str(r#"[{"names":["a"]},{"names":["b","a"]},{"names":["nfs.csi.k8s.io"]}]"#)
                .expect("rows");
        let problems: Vec<(usize, String)> =
            repeated_names(&rows).into_iter().map(|(row, problem)| (row, problem.field)).collect();
        assert_eq!(problems, [(1, "names[1]".to_owned()), (2, "names[0]".to_owned())]);
    }
}
