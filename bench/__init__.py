"""Load scripts: what this server does under load, beside what others do. Figures are in README.md."""
