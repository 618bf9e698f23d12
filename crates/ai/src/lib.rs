//! Model registry and routing of studies to models.
