//! The mounts of one volume: which directories they show, and the expressions that isolate them.

use crate::PlanError;
use crate::changes::{MountChange, VariableChange};
use crate::options::PlanOptions;
use ordinance_storage::json::Raw;
use ordinance_storage::path::segments;
use ordinance_storage::{
    Declaration, ExpressionClass, ImplicitVariable, MountedVolume, Piece, PlacedContainer, PlacedMount,
    SubPath, VariableSource, VolumeKind, VolumeSource, expression,
};

/// The variables that expressions of Ordinance take.
pub(crate) const IMPLICIT: &[ImplicitVariable] = &[
    ImplicitVariable { name: "ORDINANCE_POD_NAME", field_path: "metadata.name" },
    ImplicitVariable { name: "ORDINANCE_POD_NAMESPACE", field_path: "metadata.namespace" },
];

/// The expression on a claim.
const OF_CLAIM: &str = "$(ORDINANCE_POD_NAME)";

/// The expression on storage that pods mount without a claim: it is not bound to a namespace.
const OF_EXPORT: &str = "$(ORDINANCE_POD_NAMESPACE)/$(ORDINANCE_POD_NAME)";

/// The mounts of a volume whose writers are not isolated.
#[derive(Clone, Debug)]
pub(crate) struct SharedMounts {
    /// Whether the namespace is part of it.
    pub(crate) has_namespace: bool,
    pub(crate) changes: Vec<MountChange>,
    /// The directories that the mounts show, each once and none inside of another one; as segments.
    pub(crate) sources: Vec<Vec<String>>,
}

/// A volume of the set with its mounts.
pub(crate) type SetVolume<'a> = MountedVolume<'a, Raw<'a>>;

// === impl SharedMounts ===

impl SharedMounts {
    /// Returns the mounts, or `None` if every writer is isolated.
    pub(crate) fn of(
        volume: &SetVolume<'_>,
        namespace: &str,
        options: &PlanOptions,
    ) -> Result<Option<Self>, PlanError> {
        if volume.device.is_some() {
            return Err(refused(
                volume,
                "it is a block device, which has no sub-paths; use a claim template",
            ));
        }
        let isolated = volume.mounts.iter().filter(|mount| mount.is_isolated()).count();
        if volume.mounts.iter().all(|mount| mount.is_read_only() || mount.is_isolated()) {
            return Ok(None);
        }
        if isolated > 0 {
            let reason = "some of its mounts have a directory per ordinal, and others have none; write a subPathExpr \
                          on every mount and move the files by hand";
            return Err(refused(volume, reason));
        }
        let has_namespace = !is_claimed(volume.kind);
        let fixed = if has_namespace { OF_EXPORT } else { OF_CLAIM };
        let own = below(&options.prefix, fixed);
        let mut changes = Vec::new();
        let mut sources = Vec::new();
        for mount in &volume.mounts {
            expect_own_names(volume, mount, fixed)?;
            changes.push(change(volume, mount, &own)?);
            sources.push(shown(volume, mount, namespace)?);
        }
        Ok(Some(Self { has_namespace, changes, sources: outermost(sources) }))
    }

    /// The expression of all mounts, or `None` if they differ.
    pub(crate) fn common_expression(&self) -> Option<&str> {
        let (first, others) = self.changes.split_first()?;
        others.iter().all(|other| other.expression == first.expression).then_some(&*first.expression)
    }
}

/// Returns the sources without those inside of other ones.
pub(crate) fn outermost(mut sources: Vec<Vec<String>>) -> Vec<Vec<String>> {
    sources.sort_unstable();
    let mut outermost: Vec<Vec<String>> = Vec::new();
    for source in sources {
        if !outermost.iter().any(|outer| source.starts_with(outer)) {
            outermost.push(source);
        }
    }
    outermost
}

/// Returns the variables that the containers lack for the expressions of their mounts.
pub(crate) fn variables(containers: &[PlacedContainer<'_>], changes: &[MountChange]) -> Vec<VariableChange> {
    let of_container = |container: &PlacedContainer<'_>| {
        let own: Vec<&MountChange> =
            changes.iter().filter(|change| change.container == container.name()).collect();
        let is_taken = |name: &str| own.iter().any(|change| takes(&change.expression, name));
        let missing = IMPLICIT.iter().filter(|variable| is_taken(variable.name));
        let missing = missing.filter(|variable| !container.env.declares(variable.name));
        let env = missing
            .filter_map(|variable| serde_json::from_str(&Declaration::Implicit(variable).to_json()).ok());
        let mut pointer = String::new();
        container.point(&mut pointer);
        VariableChange {
            container: container.name().to_owned(),
            pointer: pointer + "/env",
            declared: container.container.env.as_ref().map(Vec::len),
            env: env.collect(),
        }
    };
    containers.iter().map(of_container).filter(|change| !change.env.is_empty()).collect()
}

fn takes(expression: &str, name: &str) -> bool {
    expression::variables(expression).any(|taken| taken == name)
}

fn is_claimed(kind: VolumeKind<'_, Raw<'_>>) -> bool {
    matches!(kind, VolumeKind::Template(_) | VolumeKind::Named(VolumeSource::Claim(_)))
}

/// Fails if the container declares a variable of the expression as something else.
fn expect_own_names(
    volume: &SetVolume<'_>,
    mount: &PlacedMount<'_>,
    own: &'static str,
) -> Result<(), PlanError> {
    if mount.container.env.resolve(own).class() == ExpressionClass::PerOrdinal {
        return Ok(());
    }
    let reason = format!(
        "{}.env declares a variable of {own} as something else; remove that declaration",
        mount.container.field()
    );
    Err(refused(volume, &reason))
}

fn change(volume: &SetVolume<'_>, mount: &PlacedMount<'_>, own: &str) -> Result<MountChange, PlanError> {
    let (sub_path, sub_path_expr, expression) = match mount.part() {
        SubPath::Root => ("", "", own.to_owned()),
        SubPath::Fixed(path) => (path, "", format!("{own}/{}", expression::escaped(path))),
        SubPath::Expression(expression) => ("", expression, format!("{own}/{expression}")),
        SubPath::Both => {
            let reason = format!("{} has both subPath and subPathExpr; remove one", mount.field());
            return Err(refused(volume, &reason));
        }
    };
    Ok(MountChange {
        field: mount.field(),
        pointer: mount.pointer(),
        container: mount.container.name().to_owned(),
        volume: volume.name.to_owned(),
        mount_path: mount.mount.mount_path.to_string(),
        sub_path: sub_path.to_owned(),
        sub_path_expr: sub_path_expr.to_owned(),
        expression,
    })
}

/// Returns the directory that a mount shows.
fn shown(volume: &SetVolume<'_>, mount: &PlacedMount<'_>, namespace: &str) -> Result<Vec<String>, PlanError> {
    let Some(resolved) = mount.resolved() else {
        let SubPath::Fixed(path) = mount.part() else { return Ok(Vec::new()) };
        return Ok(segments(path));
    };
    let mut path = String::new();
    for piece in resolved.pieces() {
        match piece {
            Piece::Text(text) => path.push_str(text),
            Piece::Variable { source: VariableSource::Field(field), .. }
                if &**field == "metadata.namespace" =>
            {
                path.push_str(namespace);
            }
            Piece::Variable { name, .. } => {
                let reason = format!(
                    "{}: the value of $({name}) is not in the pod template; write a fixed subPath instead",
                    mount.part_field()
                );
                return Err(refused(volume, &reason));
            }
        }
    }
    Ok(segments(&path))
}

fn refused(volume: &SetVolume<'_>, reason: &str) -> PlanError {
    PlanError::Volume { volume: volume.name.to_owned(), reason: reason.to_owned() }
}

/// Returns a path below a directory, which may be empty.
pub(crate) fn below(directory: &str, path: &str) -> String {
    if directory.is_empty() { path.to_owned() } else { format!("{directory}/{path}") }
}
