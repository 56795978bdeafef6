"""What takes the place of pybids in a page: names of a dataset's files, and what sidecars say.

pybids and the database that it needs would be 2 MB more for every reader of every chapter.
"""

import json
import re
from pathlib import Path

NAMES = {
    "sub": "subject",
    "ses": "session",
    "acq": "acquisition",
    "ce": "ceagent",
    "dir": "direction",
    "rec": "reconstruction",
    "res": "resolution",
    "den": "density",
    "mod": "modality",
}
NUMBERS = ("run", "echo", "inv")
FILE = re.compile(r"((?:[a-z]+-[a-zA-Z0-9]+_)*)([a-zA-Z0-9]+)(\.[^/]+)")
TYPES = ("anat", "func", "fmap", "dwi", "perf", "meg", "eeg", "ieeg", "beh", "pet", "micr")


class BIDSValidationError(ValueError):
    """Never raised here: helpers look at the dataset themselves."""


class BIDSDerivativesValidationError(BIDSValidationError):
    """Never raised here."""


class BIDSLayoutIndexer:
    """Says which files to leave out.

    Parameters
    ----------
    ignore : list of str or re.Pattern
        Folders by name, or patterns of paths from the dataset's folder on, with a slash first.
    """

    def __init__(self, ignore=()):
        self.ignore = list(ignore)

    def leaves_out(self, path):
        """Return whether to leave out a path within a dataset."""
        return any(
            path.parts[0] == each if isinstance(each, str) else each.search(f"/{path.as_posix()}")
            for each in self.ignore
        )


class BIDSFile:
    """A file of a dataset, and what its name says.

    Parameters
    ----------
    path, root : Path
        Of the file, and of the dataset that it belongs to.
    """

    def __init__(self, path, root):
        pairs, suffix, extension = FILE.fullmatch(path.name).groups()
        self.path, self.filename, self._root = str(path), path.name, root
        self.entities = {}
        for pair in pairs.split("_")[:-1]:
            key, value = pair.split("-")
            name = NAMES.get(key, key)
            self.entities[name] = int(value) if name in NUMBERS else value
        self.entities |= {"suffix": suffix, "extension": extension}
        if path.parent.name in TYPES:
            self.entities["datatype"] = path.parent.name

    def get_metadata(self):
        """Return what the sidecars say, of which the nearest is right.

        Returns
        -------
        dict
        """
        own = self.entities.items() - {("extension", self.entities["extension"])}
        told = {}
        folders = Path(self.path).relative_to(self._root).parents
        for folder in reversed(folders):
            found = [
                file
                for path in (self._root / folder).glob("*.json")
                if FILE.fullmatch(path.name)
                for file in [BIDSFile(path, self._root)]
                if file._about() <= own
            ]
            for file in sorted(found, key=lambda file: len(file.entities)):
                told |= json.loads(Path(file.path).read_text(encoding="utf-8"))
        return told

    def _about(self):
        named = {key: value for key, value in self.entities.items() if key != "extension"}
        return named.items()


class BIDSLayout:
    """The files of a dataset and of one folder of derivatives.

    Parameters
    ----------
    root, derivatives : Path
    indexer : BIDSLayoutIndexer
    """

    def __init__(self, root, derivatives, indexer):
        self.root = str(root)
        places = {"raw": Path(root), "derivatives": Path(derivatives)}
        self._files = {
            scope: [
                BIDSFile(path, place)
                for path in sorted(place.rglob("*"), key=_as_people_count)
                if FILE.fullmatch(path.name) and path.is_file()
                if not (scope == "raw" and path.relative_to(place).parts[0] == "derivatives")
                if not indexer.leaves_out(path.relative_to(place))
            ]
            for scope, place in places.items()
        }

    def get(self, scope, **wanted):
        """Return files, in the order of the numbers in their names.

        Parameters
        ----------
        scope : {"raw", "derivatives"}
        **wanted : object
            What their names say.

        Returns
        -------
        list of BIDSFile
        """
        return [file for file in self._files[scope] if wanted.items() <= file.entities.items()]


def _as_people_count(path):
    parts = re.split(r"(\d+)", str(path))
    return [int(part) if part.isdecimal() else part for part in parts]
