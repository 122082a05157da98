//! `ordinance new`: a policy from a template.

use super::exit::Exit;
use super::output::{self, CommonArgs, print};
use anyhow::Result;
use clap::{Args, ValueEnum};
use ordinance_report::{printable, shell_word};
use ordinance_workshop::{Language, NewPolicy, NewPolicyError, PolicyKind};
use std::path::{Path, PathBuf};

/// Write a new policy that builds, with cases, a README and a CI workflow
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  ordinance new few-replicas
  ordinance new unique-hosts --kind unique
  ordinance new few-replicas-in-c --lang c
  ordinance new few-replicas-in-js --lang js
  ordinance new defaults --kind mutate policies/defaults

A folder that is not empty is left alone.

Exit codes: 0 written, 2 not written, or stdout can't be, 64 bad usage.")]
pub(super) struct NewArgs {
    /// The policy's name, a DNS label
    #[arg(value_name = "NAME")]
    name: String,
    /// The folder of the policy; without it the name
    #[arg(value_name = "DIR")]
    directory: Option<PathBuf>,
    /// The language
    #[arg(
        long,
        value_enum,
        value_name = "LANGUAGE",
        default_value_t,
        env = "ORDINANCE_LANG",
        hide_env = true
    )]
    lang: LanguageArg,
    /// What the policy does
    #[arg(long, value_enum, value_name = "KIND", default_value_t, env = "ORDINANCE_KIND", hide_env = true)]
    kind: KindArg,
    /// A checkout of Ordinance with the SDK; without it the policy gets a copy of the SDK
    #[arg(long, value_name = "CHECKOUT", env = "ORDINANCE_SDK", hide_env = true)]
    sdk: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, Default, ValueEnum)]
enum LanguageArg {
    /// Rust, with the SDK
    #[default]
    Rust,
    /// C, with bindings
    C,
    /// JavaScript, with componentize-js
    Js,
}

#[derive(Clone, Copy, Debug, Default, ValueEnum)]
enum KindArg {
    /// Denies what breaks a rule, with a setting
    #[default]
    Validate,
    /// Adds a default
    Mutate,
    /// Denies what another object has already, by keys and holdings
    Unique,
}

pub(super) fn run(args: &NewArgs, common: CommonArgs) -> Result<Exit> {
    let policy = NewPolicy {
        name: args.name.clone(),
        language: args.lang.into(),
        kind: args.kind.into(),
        directory: args.directory.clone().unwrap_or_else(|| PathBuf::from(&args.name)),
        checkout: args.sdk.clone(),
        case_schema: format!("{:#}\n", ordinance_case::schema()),
    };
    match policy.write() {
        Ok(files) => {
            print(written(&policy, files, common.quiet).as_bytes())?;
            Ok(Exit::Success)
        }
        Err(error @ (NewPolicyError::Name(_) | NewPolicyError::NoSdkOf(_))) => {
            output::error(common.color, &error.into());
            Ok(Exit::Usage)
        }
        Err(error) => Err(error.into()),
    }
}

/// Returns what was written, and the commands to go on with.
fn written(policy: &NewPolicy, files: usize, quiet: bool) -> String {
    let NewPolicy { name, language, kind, directory, .. } = policy;
    let folder = printable(&directory.display().to_string());
    let summary = format!("{folder}: a policy in {} with {files} files\n", language.name());
    if quiet {
        return summary;
    }
    let (review, phase) = (kind.review_arguments(), kind.phase());
    let state = if *kind == PolicyKind::Unique { " --state cluster.yaml" } else { "" };
    let enter =
        if directory == Path::new(".") { String::new() } else { format!("  cd {}\n", shell_word(&folder)) };
    format!(
        "{summary}\nNext:\n{enter}  ordinance build\n  ordinance test\n  \
         ordinance review --policy {name}.wasm {review}\n  \
         ordinance bench {name}.wasm review.json\n  \
         ordinance serve --policy {name}.wasm --self-signed --listen 127.0.0.1:8443{state}\n\n\
         In another terminal:\n  \
         curl -k -H 'Content-Type: application/json' -d @review.json https://127.0.0.1:8443/{phase}/{name}\n"
    )
}

// === impl LanguageArg ===

impl From<LanguageArg> for Language {
    fn from(language: LanguageArg) -> Self {
        match language {
            LanguageArg::Rust => Self::Rust,
            LanguageArg::C => Self::C,
            LanguageArg::Js => Self::JavaScript,
        }
    }
}

// === impl KindArg ===

impl From<KindArg> for PolicyKind {
    fn from(kind: KindArg) -> Self {
        match kind {
            KindArg::Validate => Self::Validate,
            KindArg::Mutate => Self::Mutate,
            KindArg::Unique => Self::Unique,
        }
    }
}
