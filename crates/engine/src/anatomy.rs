//! What a WebAssembly binary consists of, whether or not it can be used as a policy.
//!
//! Nothing is compiled or run: the binary is parsed once, and its names are made plain.

use ordinance_contract::{NAME_CHARS, PACKAGE, TITLE_CHARS, one_line};
use std::collections::BTreeMap;
use wasmparser::{
    BinaryReaderError, ComponentExternalKind, CustomSectionReader, Encoding, KnownCustom, Parser, Payload,
    ProducersSectionReader,
};

/// The first bytes of every WebAssembly binary.
pub(crate) const MAGIC: &[u8] = b"\0asm";

/// The first bytes of an ELF file, as which wasmtime stores compiled code.
const ELF: &[u8] = b"\x7fELF";

/// The imports, exports and producers that are kept of each; a hostile binary may have millions.
const KEPT: usize = 1000;

/// The custom section in which a toolchain leaves the world of a core module for `wasm-tools component new`.
const WORLD_SECTION: &str = "component-type";

/// What a binary is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BinaryKind {
    /// A component.
    Component,
    /// A core module.
    CoreModule,
    /// A core module that says of which world it is, so that a component can be made of it as it is.
    EmbeddedModule,
    /// WebAssembly in text form.
    Text,
    /// Code that wasmtime has compiled.
    Compiled,
    /// Anything else.
    Other,
}

/// The parts of a WebAssembly binary.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Anatomy {
    /// What the binary is. Of other than components and modules, the rest is empty.
    pub kind: BinaryKind,
    /// The imports of the outermost component or module, up to 1000.
    pub imports: Vec<String>,
    /// The exports of the outermost component or module, up to 1000.
    pub exports: Vec<String>,
    /// The versions of the contract that the exports name.
    pub contract_versions: Vec<String>,
    /// The core modules, including those of nested components.
    pub core_modules: usize,
    /// The bytes of all sections, nested ones included, the largest first. Their sum is the size of the binary.
    pub sections: Vec<SectionSize>,
    /// The tools that made the binary, each once.
    pub producers: Vec<Producer>,
    /// Where and why the binary can't be parsed to its end.
    pub fault: Option<String>,
}

/// The sections of one kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SectionSize {
    /// e.g. `core code` or `component type`.
    pub name: String,
    /// Their bytes together, without the headers of the sections.
    pub bytes: usize,
}

/// An entry of a `producers` section.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Producer {
    /// `language`, `sdk` or `processed-by`.
    pub field: String,
    /// The tool, e.g. `rustc`.
    pub name: String,
    /// Its version.
    pub version: String,
}

/// An anatomy in progress.
#[derive(Default)]
struct Dissection {
    /// The encodings of the outer components and of the current one.
    nesting: Vec<Encoding>,
    imports: Vec<String>,
    exports: Vec<String>,
    core_modules: usize,
    has_world: bool,
    sizes: BTreeMap<String, usize>,
    producers: Vec<Producer>,
}

// === impl BinaryKind ===

impl BinaryKind {
    /// Returns what the bytes are, as far as their beginning and their outermost sections tell.
    pub fn of(bytes: &[u8]) -> Self {
        Anatomy::of(bytes).kind
    }

    fn of_other(bytes: &[u8]) -> Self {
        if bytes.starts_with(ELF) {
            return Self::Compiled;
        }
        let text = bytes.trim_ascii_start();
        let is_text = text.starts_with(b"(component") || text.starts_with(b"(module");
        if is_text { Self::Text } else { Self::Other }
    }
}

// === impl Anatomy ===

impl Anatomy {
    /// Takes a binary apart. A part that can't be parsed ends the search; what was found before is kept.
    pub fn of(bytes: &[u8]) -> Self {
        let mut parts = Dissection::default();
        if !bytes.starts_with(MAGIC) {
            return parts.into_anatomy(BinaryKind::of_other(bytes), None);
        }
        let fault =
            parts.dissect(bytes).err().map(|error| one_line(&error.to_string(), TITLE_CHARS).into_owned());
        let kind = match (parts.nesting.first(), parts.has_world) {
            (Some(Encoding::Component), _) => BinaryKind::Component,
            (Some(Encoding::Module), true) => BinaryKind::EmbeddedModule,
            (Some(Encoding::Module), false) => BinaryKind::CoreModule,
            (None, _) => BinaryKind::Other,
        };
        parts.add_size("headers", bytes.len() - parts.sizes.values().sum::<usize>().min(bytes.len()));
        parts.into_anatomy(kind, fault)
    }
}

// === impl Dissection ===

impl Dissection {
    fn dissect(&mut self, bytes: &[u8]) -> Result<(), BinaryReaderError> {
        for payload in Parser::new(0).parse_all(bytes) {
            self.add(payload?)?;
        }
        Ok(())
    }

    fn add(&mut self, payload: Payload<'_>) -> Result<(), BinaryReaderError> {
        match &payload {
            Payload::Version { encoding, .. } => self.begin(*encoding),
            Payload::End(_) if self.nesting.len() > 1 => drop(self.nesting.pop()),
            Payload::ComponentImportSection(section) if self.is_outermost() => {
                for import in section.clone() {
                    keep(&mut self.imports, import?.name.name);
                }
            }
            Payload::ComponentExportSection(section) if self.is_outermost() => {
                for export in section.clone() {
                    let export = export?;
                    // A component may export types beside instances and functions; they are no interface of it.
                    if export.kind != ComponentExternalKind::Type {
                        keep(&mut self.exports, export.name.name);
                    }
                }
            }
            Payload::ImportSection(section) if self.is_outermost() => {
                for import in section.clone().into_imports() {
                    let import = import?;
                    keep(&mut self.imports, &format!("{} {}", import.module, import.name));
                }
            }
            Payload::ExportSection(section) if self.is_outermost() => {
                for export in section.clone() {
                    keep(&mut self.exports, export?.name);
                }
            }
            Payload::CustomSection(section) => self.add_custom(section),
            _ => {}
        }
        self.add_section(&payload);
        Ok(())
    }

    fn begin(&mut self, encoding: Encoding) {
        if encoding == Encoding::Module {
            self.core_modules += 1;
        }
        self.nesting.push(encoding);
    }

    fn is_outermost(&self) -> bool {
        self.nesting.len() == 1
    }

    fn add_custom(&mut self, section: &CustomSectionReader<'_>) {
        self.has_world |= self.is_outermost() && section.name().starts_with(WORLD_SECTION);
        if let KnownCustom::Producers(producers) = section.as_known() {
            // A section that can't be read has no effect on the code.
            let _ = self.add_producers(producers);
        }
    }

    fn add_producers(&mut self, producers: ProducersSectionReader<'_>) -> Result<(), BinaryReaderError> {
        for field in producers {
            let field = field?;
            for value in field.values {
                let value = value?;
                let plain = |text: &str| one_line(text, NAME_CHARS).into_owned();
                let producer = Producer {
                    field: plain(field.name),
                    name: plain(value.name),
                    version: plain(value.version),
                };
                if self.producers.len() < KEPT && !self.producers.contains(&producer) {
                    self.producers.push(producer);
                }
            }
        }
        Ok(())
    }

    fn add_section(&mut self, payload: &Payload<'_>) {
        // The sections within a nested module or component follow, each with its own size.
        if matches!(payload, Payload::ModuleSection { .. } | Payload::ComponentSection { .. }) {
            return;
        }
        let Some((id, range)) = payload.as_section() else { return };
        let of = match self.nesting.last() {
            Some(Encoding::Component) => "component",
            _ => "core",
        };
        let name = match payload {
            Payload::CustomSection(section) => {
                format!("{of} custom {}", one_line(section.name(), NAME_CHARS))
            }
            _ => format!("{of} {}", section_name(payload, id)),
        };
        self.add_size(&name, range.len());
    }

    fn add_size(&mut self, name: &str, bytes: usize) {
        let name = if self.sizes.len() < KEPT || self.sizes.contains_key(name) { name } else { "others" };
        *self.sizes.entry(name.to_owned()).or_default() += bytes;
    }

    fn into_anatomy(self, kind: BinaryKind, fault: Option<String>) -> Anatomy {
        let sections = self.sizes.into_iter().map(|(name, bytes)| SectionSize { name, bytes });
        let mut sections: Vec<SectionSize> = sections.filter(|section| section.bytes > 0).collect();
        sections.sort_by_key(|section| std::cmp::Reverse(section.bytes));
        let mut producers = self.producers;
        producers.sort();
        let mut contract_versions: Vec<String> =
            self.exports.iter().filter_map(|name| contract_version(name)).collect();
        contract_versions.sort();
        contract_versions.dedup();
        Anatomy {
            kind,
            imports: self.imports,
            exports: self.exports,
            contract_versions,
            core_modules: self.core_modules,
            sections,
            producers,
            fault,
        }
    }
}

/// Returns the version of the contract that an export belongs to.
pub(crate) fn contract_version(export: &str) -> Option<String> {
    let (interface, version) = export.split_once('@')?;
    let (package, _) = interface.split_once('/')?;
    let version = version.split('#').next().unwrap_or(version);
    (package == PACKAGE).then(|| version.to_owned())
}

/// Keeps a name of a binary in one line, cut.
fn keep(names: &mut Vec<String>, name: &str) {
    if names.len() < KEPT {
        names.push(one_line(name, NAME_CHARS).into_owned());
    }
}

fn section_name(payload: &Payload<'_>, id: u8) -> String {
    let name = match payload {
        Payload::TypeSection(_) | Payload::ComponentTypeSection(_) => "type",
        Payload::CoreTypeSection(_) => "core type",
        Payload::ImportSection(_) | Payload::ComponentImportSection(_) => "import",
        Payload::FunctionSection(_) => "function",
        Payload::TableSection(_) => "table",
        Payload::MemorySection(_) => "memory",
        Payload::TagSection(_) => "tag",
        Payload::GlobalSection(_) => "global",
        Payload::ExportSection(_) | Payload::ComponentExportSection(_) => "export",
        Payload::ElementSection(_) => "element",
        Payload::DataSection(_) => "data",
        Payload::DataCountSection { .. } => "data count",
        Payload::StartSection { .. } | Payload::ComponentStartSection { .. } => "start",
        Payload::CodeSectionStart { .. } => "code",
        Payload::InstanceSection(_) => "core instance",
        Payload::ComponentInstanceSection(_) => "instance",
        Payload::ComponentAliasSection(_) => "alias",
        Payload::ComponentCanonicalSection(_) => "canonical",
        _ => return format!("section {id}"),
    };
    name.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sizes_of_all_sections_add_up_and_names_are_those_of_the_outermost_component() {
        let bytes = crate::builtin::COMPONENT;
        let anatomy = Anatomy::of(bytes);
        let sum: usize = anatomy.sections.iter().map(|section| section.bytes).sum();
        assert_eq!((anatomy.kind, sum), (BinaryKind::Component, bytes.len()));
        assert_eq!(anatomy.contract_versions, [ordinance_contract::VERSION]);
        assert_eq!((anatomy.exports.len(), anatomy.imports.len(), anatomy.fault), (1, 0, None));
    }

    #[test]
    fn deeply_nested_components_are_taken_apart() {
        let text = format!(
            r#"(component (import "outer" (func)) {} (import "inner" (func)) {})"#,
            "(component ".repeat(90),
            ")".repeat(90)
        );
        let anatomy = Anatomy::of(&wat::parse_str(text).expect("WebAssembly"));
        assert_eq!(
            (anatomy.kind, anatomy.imports.as_slice()),
            (BinaryKind::Component, &["outer".to_owned()][..])
        );
    }

    #[test]
    fn every_beginning_of_a_component_is_taken_apart() {
        let bytes =
            wat::parse_str(r#"(component (core module (func)) (import "a" (func)))"#).expect("WebAssembly");
        for end in 0..bytes.len() {
            let part = bytes.get(..end).expect("a part");
            let anatomy = Anatomy::of(part);
            let sum: usize = anatomy.sections.iter().map(|section| section.bytes).sum();
            assert!(sum == end || end < 4, "{end}: {anatomy:?}");
        }
    }
}
