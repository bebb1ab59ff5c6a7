"""A package as pip would have installed it, in any folder."""


def install(folder, name, source, entries, version="1"):
    """Writes a module and what tells of it.

    Args:
        folder: must be on the path.
        name: of the module and of the package.
        source: of the module.
        entries: text of its entry points.
        version: of the package.
    """
    (folder / f"{name}.py").write_text(source, "utf-8")
    info = folder / f"{name}.dist-info"
    info.mkdir(exist_ok=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    (info / "entry_points.txt").write_text(entries)
