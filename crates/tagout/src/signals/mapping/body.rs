//! A body while values are taken from it: each object or list on the way is opened once.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use serde_json::value::RawValue;

use super::super::json::{self, Kind, Members, Values, quoted, reason};
use super::pointer::{Pointer, index};

/// A JSON value whose parts are looked up by pointer.
///
/// What has been opened is remembered, so a declaration with many pointers into one object
/// costs one scan of it and not one for each.
pub(super) struct Body<'a> {
    root: &'a RawValue,
    /// By where the text of the value begins, which no two objects or lists share.
    opened: RefCell<BTreeMap<usize, Opened<'a>>>,
}

#[derive(Clone)]
enum Opened<'a> {
    Object(Rc<Values<'a>>),
    List(Rc<Vec<&'a RawValue>>),
    /// A value without parts.
    Plain,
}

impl<'a> Body<'a> {
    pub(super) fn of(root: &'a RawValue) -> Self {
        Self { root, opened: RefCell::default() }
    }

    /// The value at `pointer`. What is not there, or is null, is absent.
    ///
    /// # Errors
    /// If an object on the way has a member twice or a list has too many entries.
    pub(super) fn at(&self, pointer: &Pointer) -> Result<Option<&'a RawValue>, String> {
        self.at_in(self.root, pointer)
    }

    /// The same, with the pointer taken from `part`, a value inside this one.
    ///
    /// # Errors
    /// As of [`Self::at`].
    pub(super) fn at_in(
        &self,
        part: &'a RawValue,
        pointer: &Pointer,
    ) -> Result<Option<&'a RawValue>, String> {
        let mut value = part;
        for step in pointer.steps() {
            let part = match self.open(value)? {
                Opened::Object(members) => members.get(step.as_str()).copied(),
                Opened::List(list) => index(step).and_then(|place| list.get(place).copied()),
                Opened::Plain => None,
            };
            match part {
                Some(part) => value = part,
                None => return Ok(None),
            }
        }
        Ok(Some(value).filter(|value| Kind::of(value) != Kind::Null))
    }

    /// The members of an object, or nothing if the value is none.
    pub(super) fn members(&self, value: &'a RawValue) -> Result<Option<Rc<Values<'a>>>, String> {
        match self.open(value)? {
            Opened::Object(members) => Ok(Some(members)),
            _ => Ok(None),
        }
    }

    /// The entries of a list, or nothing if the value is none.
    pub(super) fn list(
        &self,
        value: &'a RawValue,
    ) -> Result<Option<Rc<Vec<&'a RawValue>>>, String> {
        match self.open(value)? {
            Opened::List(list) => Ok(Some(list)),
            _ => Ok(None),
        }
    }

    fn open(&self, value: &'a RawValue) -> Result<Opened<'a>, String> {
        let place = value.get().as_ptr() as usize;
        if let Some(known) = self.opened.borrow().get(&place) {
            return Ok(known.clone());
        }
        let opened = match Kind::of(value) {
            Kind::Object => Opened::Object(Rc::new(members(value)?)),
            Kind::Array => {
                Opened::List(Rc::new(json::alerts(value).map_err(|error| error.to_string())?))
            }
            _ => return Ok(Opened::Plain),
        };
        self.opened.borrow_mut().insert(place, opened.clone());
        Ok(opened)
    }
}

fn members(object: &RawValue) -> Result<Values<'_>, String> {
    let members: Members<'_> = serde_json::from_str(object.get())
        .map_err(|error| format!("cannot be read: {}", reason(&error)))?;
    match members.repeated {
        Some(name) => Err(format!("has the member {} twice; send it once", quoted(&name))),
        None => Ok(members.values),
    }
}
