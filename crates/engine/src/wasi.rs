//! Inert stand-ins for the imports of WASI, which the libraries of some toolchains call without need.
//!
//! They have no clock, no files, no network and no randomness, so that a policy's answer still depends on its inputs alone. A
//! stand-in is made from the type of its function, so that there are some for every version of WASI: a function that may fail
//! fails, and any other answers with the plainest value, e.g. zero, an empty list or nothing. What is written to a stream is
//! dropped, since libraries can't do without stderr.

use crate::Failure;
use crate::budget::RemainingBudget;
use wasmtime::component::types::{ComponentFunc, ComponentInstance, ComponentItem, Type, Variant};
use wasmtime::component::{Component, Linker, LinkerInstance, Resource, ResourceType, Val};
use wasmtime::{AsContextMut, Engine, Result, StoreContextMut};

/// Whether a component may import WASI.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum WasiImports {
    /// It may not, as any other import.
    #[default]
    Refused,
    /// It may, and gets inert stand-ins.
    StandIns,
}

/// The namespace of all packages of WASI.
const NAMESPACE: &str = "wasi:";

/// The number that every source of randomness returns.
const FIXED_NUMBER: u64 = 0x9e37_79b9_7f4a_7c15;

/// The most bytes that a call may ask a source of randomness for.
pub const RANDOM_BYTES: u64 = 64 * 1024;

/// The bytes that an output stream takes at a time.
const STREAM_BYTES: u64 = 64 * 1024;

/// What every resource of WASI is: nothing but a handle.
struct InertResource;

/// What a stand-in does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum StandIn {
    /// Answers with the plainest value.
    Plain,
    /// Ends the evaluation, since its caller expects no answer.
    End,
    /// Returns as many bytes as it is asked for, the same each time.
    Bytes,
    /// Returns a number, the same each time.
    Number,
    /// Returns the positions of all pollables, as if each had happened.
    AllReady,
    /// Returns that something has happened, so that no caller waits for it.
    Ready,
    /// Succeeds, and drops what is written.
    Drop,
    /// Returns that a stream takes more bytes.
    Room,
}

/// Returns whether an import belongs to WASI.
pub(crate) fn is_wasi(import: &str) -> bool {
    import.starts_with(NAMESPACE)
}

/// Returns a linker with stand-ins for all imports of WASI that a component has.
pub(crate) fn linker(engine: &Engine, component: &Component) -> Result<Linker<RemainingBudget>> {
    let mut linker = Linker::new(engine);
    for (name, item) in component.component_type().imports(engine).filter(|(name, _)| is_wasi(name)) {
        if let ComponentItem::ComponentInstance(interface) = item.ty {
            define(&mut linker.instance(name)?, name, &interface, engine)?;
        }
    }
    Ok(linker)
}

/// Defines the resources and functions of an interface.
fn define(
    linker: &mut LinkerInstance<'_, RemainingBudget>,
    interface: &str,
    ty: &ComponentInstance,
    engine: &Engine,
) -> Result<()> {
    for (name, item) in ty.exports(engine) {
        match item.ty {
            ComponentItem::Resource(_) => {
                linker.resource(name, ResourceType::host::<InertResource>(), |_, _| Ok(()))?;
            }
            ComponentItem::ComponentFunc(_) => {
                let (stand_in, function) = (StandIn::of(interface, name), format!("{interface} {name}"));
                linker.func_new(name, move |store, ty, arguments, results| {
                    stand_in.call(&function, store, &ty, arguments, results)
                })?;
            }
            _ => {}
        }
    }
    Ok(())
}

/// Returns the plainest value of a type, or `None` if it has none.
fn plainest(mut store: impl AsContextMut, ty: &Type) -> Result<Option<Val>> {
    Ok(Some(match ty {
        Type::Bool => Val::Bool(false),
        Type::S8 => Val::S8(0),
        Type::U8 => Val::U8(0),
        Type::S16 => Val::S16(0),
        Type::U16 => Val::U16(0),
        Type::S32 => Val::S32(0),
        Type::U32 => Val::U32(0),
        Type::S64 => Val::S64(0),
        Type::U64 => Val::U64(0),
        Type::Float32 => Val::Float32(0.0),
        Type::Float64 => Val::Float64(0.0),
        Type::Char => Val::Char('\0'),
        Type::String => Val::String(String::new()),
        Type::List(_) => Val::List(Vec::new()),
        Type::Map(_) => Val::Map(Vec::new()),
        Type::Option(_) => Val::Option(None),
        Type::Flags(_) => Val::Flags(Vec::new()),
        Type::Own(_) => {
            Val::Resource(Resource::<InertResource>::new_own(0).try_into_resource_any(&mut store)?)
        }
        Type::Enum(cases) => return Ok(cases.names().next().map(|name| Val::Enum(name.to_owned()))),
        Type::Result(ty) => return failed(store, ty.err()),
        Type::Tuple(ty) => return Ok(plainest_of(store, ty.types())?.map(Val::Tuple)),
        Type::Record(ty) => {
            let values = plainest_of(store, ty.fields().map(|field| field.ty))?;
            let named = |values| ty.fields().map(|field| field.name.to_owned()).zip(values).collect();
            return Ok(values.map(|values: Vec<Val>| Val::Record(named(values))));
        }
        Type::Variant(ty) => return plainest_case(store, ty),
        Type::Borrow(_)
        | Type::Future(_)
        | Type::Stream(_)
        | Type::ErrorContext
        | Type::FixedLengthList(_) => {
            return Ok(None);
        }
    }))
}

/// Returns the plainest value of each type, or `None` if one has none.
fn plainest_of(mut store: impl AsContextMut, types: impl Iterator<Item = Type>) -> Result<Option<Vec<Val>>> {
    types.map(|ty| plainest(store.as_context_mut(), &ty)).collect()
}

/// Returns a success.
fn succeeded(store: impl AsContextMut, ok: Option<Type>) -> Result<Option<Val>> {
    let Some(ty) = ok else { return Ok(Some(Val::Result(Ok(None)))) };
    Ok(plainest(store, &ty)?.map(|value| Val::Result(Ok(Some(Box::new(value))))))
}

/// Returns an error.
fn failed(store: impl AsContextMut, error: Option<Type>) -> Result<Option<Val>> {
    let Some(ty) = error else { return Ok(Some(Val::Result(Err(None)))) };
    Ok(plainest(store, &ty)?.map(|error| Val::Result(Err(Some(Box::new(error))))))
}

/// Returns the first case that has no value, e.g. that a stream is closed, else the first one.
fn plainest_case(store: impl AsContextMut, variant: &Variant) -> Result<Option<Val>> {
    let without_value = variant.cases().find(|case| case.ty.is_none());
    let Some(case) = without_value.or_else(|| variant.cases().next()) else { return Ok(None) };
    let name = case.name.to_owned();
    let Some(ty) = case.ty else { return Ok(Some(Val::Variant(name, None))) };
    Ok(plainest(store, &ty)?.map(|value| Val::Variant(name, Some(Box::new(value)))))
}

/// Gives back the handles of an argument, as the end of a call demands of the callee.
fn release(store: &mut StoreContextMut<'_, RemainingBudget>, argument: &Val) -> Result<()> {
    match argument {
        Val::Resource(handle) => handle.resource_drop(store),
        Val::List(values) | Val::Tuple(values) | Val::FixedLengthList(values) => {
            values.iter().try_for_each(|value| release(store, value))
        }
        Val::Record(fields) => fields.iter().try_for_each(|(_, value)| release(store, value)),
        Val::Map(entries) => {
            entries.iter().flat_map(|(key, value)| [key, value]).try_for_each(|value| release(store, value))
        }
        Val::Variant(_, value) | Val::Option(value) | Val::Result(Ok(value) | Err(value)) => {
            value.iter().try_for_each(|value| release(store, value))
        }
        _ => Ok(()),
    }
}

// === impl StandIn ===

impl StandIn {
    /// Returns what stands in for a function, whatever the version of its interface.
    fn of(interface: &str, function: &str) -> Self {
        let interface = interface.split('@').next().unwrap_or(interface);
        match (interface, function) {
            ("wasi:cli/exit", _) => Self::End,
            ("wasi:io/poll", "poll") => Self::AllReady,
            ("wasi:io/poll", "[method]pollable.ready") => Self::Ready,
            ("wasi:random/random", "get-random-bytes")
            | ("wasi:random/insecure", "get-insecure-random-bytes") => Self::Bytes,
            ("wasi:random/random", "get-random-u64")
            | ("wasi:random/insecure", "get-insecure-random-u64") => Self::Number,
            ("wasi:io/streams", "[method]output-stream.check-write") => Self::Room,
            ("wasi:io/streams", method) if method.starts_with("[method]output-stream.") => Self::Drop,
            _ => Self::Plain,
        }
    }

    fn plainest(self, store: impl AsContextMut, ty: &Type) -> Result<Option<Val>> {
        match (self, ty) {
            (Self::Drop, Type::Result(ty)) => succeeded(store, ty.ok()),
            _ => plainest(store, ty),
        }
    }

    /// Writes the results of a call.
    fn call(
        self,
        function: &str,
        mut store: StoreContextMut<'_, RemainingBudget>,
        ty: &ComponentFunc,
        arguments: &[Val],
        results: &mut [Val],
    ) -> Result<()> {
        let refused = |problem: &str| Failure::Trap(format!("it called {function}, {problem}"));
        for (result, ty) in results.iter_mut().zip(ty.results()) {
            *result = match (self, arguments) {
                (Self::Bytes, [Val::U64(count)]) if *count > RANDOM_BYTES => {
                    return Err(refused("for more bytes than a stand-in returns").into());
                }
                (Self::Bytes, [Val::U64(count)]) => Val::List((0..*count).map(fixed_byte).collect()),
                (Self::Number, _) => Val::U64(FIXED_NUMBER),
                (Self::AllReady, [Val::List(pollables)]) => {
                    Val::List((0..).map(Val::U32).take(pollables.len()).collect())
                }
                (Self::Ready, _) => Val::Bool(true),
                (Self::Room, _) => Val::Result(Ok(Some(Box::new(Val::U64(STREAM_BYTES))))),
                _ => self.plainest(&mut store, &ty)?.ok_or_else(|| refused("whose type has no stand-in"))?,
            };
        }
        match self {
            Self::End => Err(refused("which ends it").into()),
            _ => arguments.iter().try_for_each(|argument| release(&mut store, argument)),
        }
    }
}

/// Returns a byte of the endless repetition of the fixed number.
fn fixed_byte(position: u64) -> Val {
    let bytes = FIXED_NUMBER.to_le_bytes();
    Val::U8(bytes[(position % 8) as usize])
}
