//! Classify: what a payload will really do, read from the payload itself and never from what anyone says about it.
//!
//! A reader takes the text or object that an executor will run (SQL, a command line, an HTTP request, a Kubernetes
//! object, a Terraform plan, an MCP tool call) and tells the [`Act`]s in it. What a reader does not understand it
//! says as a [`Doubt`], and a doubt is risky, never safe. Readers are pure, bounded in time and memory, and never
//! panic: the text comes from an agent that may be hostile.

mod act;
mod command;
pub mod detect;
mod disguise;
pub mod http;
pub mod kubernetes;
pub mod mcp;
pub mod shell;
pub mod sql;
pub mod terraform;

pub use act::{Act, Doubt, Extent, Reading, Why};

use crate::names::names;

names! {
    /// What kind of thing is done (R2).
    Kind {
        /// Looks, changes nothing.
        Read = "read",
        /// Adds something.
        Write = "write",
        /// Changes something that is there.
        Update = "update",
        /// Reaches a system outside.
        ExternalCall = "external_call",
        /// Removes something.
        Delete = "delete",
        /// Changes who may do what, or how a system runs.
        Admin = "admin",
        /// Nothing says what this is.
        Unknown = "unknown",
    }
}

names! {
    /// What a payload is written in.
    Language {
        /// One or more SQL statements.
        Sql = "sql",
        /// A command line for a POSIX shell or bash.
        Shell = "shell",
        /// A program and its arguments, run without a shell.
        Argv = "argv",
        /// An HTTP request: method and URL.
        Http = "http",
        /// A Kubernetes object, or several.
        Kubernetes = "kubernetes",
        /// A Terraform plan in JSON (`terraform show -json`).
        Terraform = "terraform",
        /// An MCP tool call.
        Mcp = "mcp",
    }
}
