//! What the replicas of a desk share besides the record: who does what just now, and values that live for a while.
//!
//! Nothing that must not be lost is kept here: losing all of it signs people out and lets work be claimed anew, and the
//! record says what has been done. Time is the keeper's own, so that replicas whose clocks differ agree.

mod alone;

pub use alone::Alone;

use super::StoreError;
use core::pin::Pin;
use core::time::Duration;

/// An answer that is being worked on.
pub type Sharing<'a, T> = Pin<Box<dyn Future<Output = Result<T, StoreError>> + Send + 'a>>;

/// Something that one replica does at a time.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Work(Box<str>);

impl Work {
    /// Work of a kind, `notice` for example, on a thing of this name.
    #[must_use]
    pub fn new(kind: &str, name: &str) -> Self {
        Self(format!("{kind}/{name}").into())
    }

    /// The name under which it is claimed.
    #[must_use]
    pub const fn as_str(&self) -> &str {
        &self.0
    }
}

/// Deals work out to replicas: each piece to one at a time, and to another when its holder is gone.
pub trait Claims: Send + Sync {
    /// Takes on those pieces of work that nobody else holds, for `hold` at most; what this replica holds already it
    /// holds for so long again. Whoever still works when `hold` has passed may find that another does so too.
    ///
    /// # Errors
    /// [`StoreError`] if that could not be agreed on: then nothing is taken on.
    fn claim(&self, work: Vec<Work>, hold: Duration) -> Sharing<'_, Vec<Work>>;

    /// Gives work back before its time.
    ///
    /// # Errors
    /// [`StoreError`] if that could not be said; it ends by itself then.
    fn release(&self, work: Vec<Work>) -> Sharing<'_, ()>;
}

/// The name of a value that lives for a while.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name {
    /// What kind of value it is: `session` for example.
    pub kind: &'static str,
    /// What it belongs to, by which all of them are found: a person for example. May be empty.
    pub owner: Box<str>,
    /// Its own name. No secret: what is secret is hashed first.
    pub id: Box<str>,
}

impl Name {
    /// A value's name.
    #[must_use]
    pub fn new(kind: &'static str, owner: &str, id: &str) -> Self {
        Self { kind, owner: owner.into(), id: id.into() }
    }
}

/// Keeps values that live for a while, for all replicas.
pub trait Ephemeral: Send + Sync {
    /// Keeps a value for `life`, in place of the one of the same name.
    ///
    /// # Errors
    /// [`StoreError`] if it may not be kept.
    fn put(&self, name: Name, value: Vec<u8>, life: Duration) -> Sharing<'_, ()>;

    /// Keeps a value unless there is one of this name; says whether it did. Of many who try at once, one is told so.
    ///
    /// # Errors
    /// [`StoreError`] if that could not be found out: then nothing may rest on it.
    fn put_new(&self, name: Name, value: Vec<u8>, life: Duration) -> Sharing<'_, bool>;

    /// The value of this name, while it lives.
    ///
    /// # Errors
    /// [`StoreError`] if that could not be found out.
    fn get(&self, name: Name) -> Sharing<'_, Option<Vec<u8>>>;

    /// Takes the value of this name away; of many who try at once, one gets it.
    ///
    /// # Errors
    /// [`StoreError`] if that could not be found out: then nobody has it.
    fn take(&self, name: Name) -> Sharing<'_, Option<Vec<u8>>>;

    /// All living values of a kind that belong to an owner, by their own names.
    ///
    /// # Errors
    /// [`StoreError`] if that could not be found out.
    fn list(&self, kind: &'static str, owner: &str) -> Sharing<'_, Vec<(Name, Vec<u8>)>>;
}
