//! The table of HTTP doors: what serves can also be read, so that every door is checked by calling it.

use crate::gate::Gate;
use crate::refusals;
use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::handler::Handler;
use axum::http::Method;
use axum::middleware::from_fn_with_state;
use axum::routing::MethodRouter;

/// Rows of paths, each with the methods that it answers.
#[derive(Default)]
pub struct Doors {
    rows: Vec<(String, Methods)>,
}

/// The methods of one path, and what answers them.
#[derive(Default)]
pub struct Methods {
    names: Vec<Method>,
    router: MethodRouter<Gate>,
}

impl Doors {
    pub fn new() -> Self {
        Self::default()
    }

    #[must_use]
    pub fn route(mut self, path: &str, methods: Methods) -> Self {
        self.rows.push((path.to_owned(), methods));
        self
    }

    #[must_use]
    pub fn merge(mut self, other: Doors) -> Self {
        self.rows.extend(other.rows);
        self
    }

    /// Method and path of every door, in the order of the table.
    pub fn list(&self) -> Vec<(Method, String)> {
        let all = self.rows.iter();
        all.flat_map(|(path, m)| m.names.iter().map(|name| (name.clone(), path.clone()))).collect()
    }

    /// What serves the table. Each door notes whom it refused.
    pub fn into_router(self, gate: &Gate) -> Router<Gate> {
        let noted = from_fn_with_state(gate.clone(), refusals::note);
        let rows = self.rows.into_iter();
        rows.fold(Router::new(), |router, (path, methods)| router.route(&path, methods.router)).layer(noted)
    }
}

impl Methods {
    #[must_use]
    fn with<H, T>(
        mut self,
        name: Method,
        by: fn(MethodRouter<Gate>, H) -> MethodRouter<Gate>,
        handler: H,
    ) -> Self
    where
        H: Handler<T, Gate>,
        T: 'static,
    {
        self.names.push(name);
        self.router = by(self.router, handler);
        self
    }

    #[must_use]
    pub fn get<H: Handler<T, Gate>, T: 'static>(self, handler: H) -> Self {
        self.with(Method::GET, MethodRouter::get, handler)
    }

    #[must_use]
    pub fn post<H: Handler<T, Gate>, T: 'static>(self, handler: H) -> Self {
        self.with(Method::POST, MethodRouter::post, handler)
    }

    #[must_use]
    pub fn put<H: Handler<T, Gate>, T: 'static>(self, handler: H) -> Self {
        self.with(Method::PUT, MethodRouter::put, handler)
    }

    #[must_use]
    pub fn delete<H: Handler<T, Gate>, T: 'static>(self, handler: H) -> Self {
        self.with(Method::DELETE, MethodRouter::delete, handler)
    }

    #[must_use]
    pub fn patch<H: Handler<T, Gate>, T: 'static>(self, handler: H) -> Self {
        self.with(Method::PATCH, MethodRouter::patch, handler)
    }

    #[must_use]
    pub fn options<H: Handler<T, Gate>, T: 'static>(self, handler: H) -> Self {
        self.with(Method::OPTIONS, MethodRouter::options, handler)
    }

    /// For what is streamed and has a limit of its own.
    #[must_use]
    pub fn streamed(mut self) -> Self {
        self.router = self.router.layer(DefaultBodyLimit::disable());
        self
    }
}

pub fn get<H: Handler<T, Gate>, T: 'static>(handler: H) -> Methods {
    Methods::default().get(handler)
}

pub fn post<H: Handler<T, Gate>, T: 'static>(handler: H) -> Methods {
    Methods::default().post(handler)
}

pub fn put<H: Handler<T, Gate>, T: 'static>(handler: H) -> Methods {
    Methods::default().put(handler)
}

pub fn delete<H: Handler<T, Gate>, T: 'static>(handler: H) -> Methods {
    Methods::default().delete(handler)
}

pub fn options<H: Handler<T, Gate>, T: 'static>(handler: H) -> Methods {
    Methods::default().options(handler)
}
