//! Rows that operators add by the setting `drivers`.

use super::template_check::{TemplateError, check, check_conditions};
use super::texts::SEPARATOR;
use super::{ClassRow, Driver, PatternVariables, Texts, built_in, handle, is_named};
use crate::display::shorten;
use ordinance_contract::acts;
#[cfg(test)]
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Separates the fields of a row, and ends a row.
const FIELD: char = '\t';
const ROW: char = '\n';

/// The longest name of a driver, in bytes.
const NAME_BYTES: usize = 253;

/// The longest text of a row that an error quotes, in characters.
const SHOWN_CHARS: usize = 80;

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

    /// Returns the row of a driver: the one with its exact name, else the first with a name that matches.
    pub(super) fn find(&self, name: &str) -> Option<Driver<'_>> {
        let exact = self.rows().find(|row| row.names.iter().any(|own| own == name));
        exact.or_else(|| self.rows().find(|row| row.names.iter().any(|pattern| is_named(pattern, name))))
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
        let unusable: Vec<DriverProblem> =
            self.texts().into_iter().filter_map(|(field, text)| unusable_text(field, text)).collect();
        if !unusable.is_empty() {
            return unusable;
        }
        let mut problems = problems(&row(self.to_text().trim_end_matches(ROW)));
        if self.location.is_empty() && self.class == ClassSetting::default() {
            let message = "is empty: write where the files of a volume are, e.g. nfs://{server}/{share}";
            problems.push(problem("location", message));
        }
        if self.handle.is_empty() && !self.handle_types.is_empty() {
            problems.push(problem("handleTypes", "says nothing without `handle`"));
        }
        problems.extend(self.class.problems());
        problems
    }

    /// Returns all texts with their fields. Those that are empty by default are left out while they are empty.
    fn texts(&self) -> Vec<(String, &str)> {
        let class = &self.class;
        let lists = [
            ("names", &self.names),
            ("location", &self.location),
            ("handleTypes", &self.handle_types),
            ("class.directory", &class.directory),
            ("class.sharedIf", &class.shared_if),
            ("class.keepsFilesIf", &class.keeps_files_if),
        ];
        let single = [
            ("handle", &self.handle),
            ("optionsAttribute", &self.options_attribute),
            ("class.volumeVariable", &class.volume_variable),
            ("class.namespaceVariable", &class.namespace_variable),
            ("class.claimVariable", &class.claim_variable),
        ];
        let elements = lists.iter().flat_map(|(field, texts)| {
            texts.iter().enumerate().map(move |(index, text)| (format!("{field}[{index}]"), text.as_str()))
        });
        let single = single.iter().filter(|(_, text)| !text.is_empty());
        elements.chain(single.map(|(field, text)| ((*field).to_owned(), text.as_str()))).collect()
    }
}

/// Returns the problem of a text that no field may have.
fn unusable_text(field: String, text: &str) -> Option<DriverProblem> {
    if text.is_empty() {
        return Some(problem(field, "is empty"));
    }
    text.contains(acts).then(|| problem(field, "has a control character"))
}

// === impl ClassSetting ===

impl ClassSetting {
    /// Returns the variables that cannot be told from other text, or from each other.
    fn problems(&self) -> Vec<DriverProblem> {
        let variables = [
            ("class.volumeVariable", &self.volume_variable),
            ("class.namespaceVariable", &self.namespace_variable),
            ("class.claimVariable", &self.claim_variable),
        ];
        let plain = variables.iter().filter(|(_, variable)| !variable.is_empty() && !variable.contains('{'));
        let plain = plain.map(|(field, variable)| {
            problem(
                *field,
                format!("{variable:?} is no variable: write it as in the class, e.g. ${{pvc.metadata.name}}"),
            )
        });
        let is_same = !self.claim_variable.is_empty() && self.claim_variable == self.namespace_variable;
        let same = is_same.then(|| problem("class.claimVariable", "is the variable of the namespace, too"));
        plain.chain(same).collect()
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
        problems.push(problem("names", "is empty: name a driver, e.g. csi.example.com"));
    }
    for (index, name) in row.names.iter().enumerate() {
        if !is_driver(name) {
            let message = format!(
                "{:?} is not the name of a driver: letters, digits, \"-\", \".\" and \"/\", and \"*\" at one end only",
                shorten(name, SHOWN_CHARS)
            );
            problems.push(problem(format!("names[{index}]"), message));
        }
    }
    let parts: Vec<&str> = handle::parts(row.handle).collect();
    if !row.handle.is_empty() && parts.len() < 2 {
        let handle = shorten(row.handle, SHOWN_CHARS);
        problems.push(problem("handle", format!("{handle:?} has no parts: write e.g. group#account#share")));
    }
    if let Some(repeated) = parts
        .iter()
        .enumerate()
        .find(|(index, part)| parts.get(..*index).is_some_and(|before| before.contains(part)))
    {
        problems.push(problem("handle", format!("has the part {:?} twice", repeated.1)));
    }
    let checks = (row.location.iter().enumerate())
        .map(|(index, template)| (format!("location[{index}]"), template, check(template, &parts)));
    let conditions = |field: &'static str, texts: Texts<'_>| -> Vec<DriverProblem> {
        let checked = texts.iter().enumerate().map(|(index, text)| (index, text, check_conditions(text)));
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
    Some(problem(field, format!("{:?} {error}", shorten(text, SHOWN_CHARS))))
}

/// Returns whether a text is the name of a driver or a provisioner, in which one end may be `*`.
fn is_driver(name: &str) -> bool {
    let fixed = name.strip_prefix('*').or_else(|| name.strip_suffix('*')).unwrap_or(name);
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'/' | b'_');
    !fixed.is_empty() && name.len() <= NAME_BYTES && fixed.bytes().all(is_name)
}

fn problem(field: impl Into<String>, message: impl Into<String>) -> DriverProblem {
    DriverProblem { field: field.into(), message: message.into() }
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
        for (row, fields) in [
            (r#"{"location":["nfs://{server"],"handle":"a"}"#, &["names", "handle", "location[0]"][..]),
            (
                r#"{"names":["a b","*","*a*","a*b","é"]}"#,
                &["names[0]", "names[1]", "names[2]", "names[3]", "names[4]", "location"],
            ),
            (r#"{"names":["a"],"class":{"sharedIf":["[x"]}}"#, &["class.sharedIf[0]"]),
            (r#"{"names":["a\n"],"location":["nfs://{s}"]}"#, &["names[0]"]),
            (r#"{"names":[""],"location":["","nfs://{s}"]}"#, &["names[0]", "location[0]"]),
            (r#"{"names":["a"],"location":["x://{handle.b}"],"handle":"b#b"}"#, &["handle"]),
            (r#"{"names":["a"],"location":["x://{b}"],"handleTypes":["t"]}"#, &["handleTypes"]),
            (r#"{"names":["a"],"class":{"directory":["d"],"claimVariable":"n"}}"#, &["class.claimVariable"]),
            (
                r#"{"names":["a"],"class":{"directory":["d"],"claimVariable":"${n}","namespaceVariable":"${n}"}}"#,
                &["class.claimVariable"],
            ),
        ] {
            let setting: DriverSetting = serde_json::from_str(row).expect("a row");
            let told: Vec<String> = setting.problems().into_iter().map(|problem| problem.field).collect();
            assert_eq!(told, fields, "{row}");
        }
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
