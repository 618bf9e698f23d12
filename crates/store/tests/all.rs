//! Tests of the store from outside, one module a subject.

mod archive;
mod archive_scale;
mod blobs;
mod faulty;
mod kill9;
mod leaves;
mod opening;
mod place;
mod power;
mod queues;
mod resources;
mod search;
mod work;
