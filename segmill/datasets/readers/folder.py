"""Folders of images and of masks, paired by name."""

from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path

from segmill.datasets.base import Record
from segmill.datasets.files import FileReader, duplicates
from segmill.datasets.names import FRAME, GROUP, KEY, SPLIT, NameRules, natural, whole_number
from segmill.errors import ConfigError, Problem
from segmill.options import build_options

MISSING = ("error", "ignore")


class Reader(FileReader):
    """Images found by one pattern, masks by another; equal keys make a pair.

    Configuration: `images` (pattern, prefix, suffix, regex, pages, channels, alpha) and `masks`
    (pattern, prefix, suffix, regex, missing). With ``masks.missing: ignore`` an image without a
    mask is kept as unannotated.
    """

    def __init__(self, config: Mapping, root: str | Path):
        super().__init__(config, root)
        images = dict(config.get("images") or {})
        masks = dict(config.get("masks") or {})
        self.missing = masks.pop("missing", "error")
        if self.missing not in MISSING:
            raise ConfigError(f"masks.missing: expected one of {MISSING}, found {self.missing!r}")
        for section, where in ((images, "images"), (masks, "masks")):
            if "pattern" not in section:
                raise ConfigError(f"{where}.pattern: missing, for example {where}/*.png")
        names = {key: value for key, value in images.items() if key not in self.image_keys}
        self.image_names = build_options(NameRules, names, "images")
        self.mask_names = build_options(NameRules, masks, "masks")

    @property
    def may_ignore(self) -> bool:
        """Whether some pixel of some sample may be unannotated."""
        return super().may_ignore or self.missing == "ignore"

    def listing(self) -> tuple[list[Record], list[Problem]]:
        """Pairs of images and masks in natural order of their keys, and names that do not pair."""
        masks, problems = self._find_masks()
        images, more = self._find("images", self.image_names)
        problems += more
        if not images or (not masks and self.missing == "error"):
            return [], problems
        keys = {facts[KEY] for _, facts in images}
        for key, paths in masks.items():
            if key not in keys:
                expected = f"an image of the name {key!r} ({self.image_names.pattern})"
                problems += [Problem(str(p), expected, "a mask without image") for p in paths]
        if self.missing == "error":
            problems += [
                Problem(
                    str(path),
                    f"a mask of the name {facts[KEY]!r} ({self.mask_names.pattern}); "
                    "masks.missing: ignore keeps the image as unannotated",
                    "an image without mask",
                )
                for path, facts in images
                if facts[KEY] not in masks
            ]
        records = [self._record(path, dict(facts), masks) for path, facts in images]
        problems += duplicates(records)
        records = [r for r in records if r.masks or self.missing == "ignore"]
        records, more = self.split_pages(records)
        return sorted(records, key=lambda r: natural(r.sample_id)), problems + more

    def _record(self, path: Path, facts: dict, masks: Mapping[str, list[Path]]) -> Record:
        key = facts.pop(KEY)
        return Record(
            sample_id=key,
            group=facts.pop(GROUP, key),
            source=self.in_root(path),
            image=path,
            masks=tuple(masks.get(key, ())),
            frame=whole_number(facts.pop(FRAME, "0"), str(path)),
            split=facts.pop(SPLIT, None),
            extra=facts,
        )

    def _find_masks(self) -> tuple[dict[str, list[Path]], list[Problem]]:
        found, problems = self._find("masks", self.mask_names, required=self.missing == "error")
        masks: dict[str, list[Path]] = defaultdict(list)
        for path, facts in found:
            masks[facts[KEY]].append(path)
        if self.labels.kind != "object_files":
            problems += [
                Problem(str(path), f"one mask per name ({same[0].name} is there)", "another mask")
                for same in masks.values()
                for path in same[1:]
            ]
            masks = {key: same[:1] for key, same in masks.items()}
        return dict(masks), problems

    def _find(
        self, role: str, rules: NameRules, required: bool = True
    ) -> tuple[list[tuple[Path, dict]], list[Problem]]:
        """Files of a role with the facts in their names, and names that break the rules."""
        paths = rules.find(self.root)
        if not paths and required:
            return [], [Problem(f"{self.root}/{rules.pattern}", f"{role}", self._present())]
        parsed = [(path, rules.parse(path, self.root)) for path in paths]
        odd = [
            Problem(str(path), f"{rules.wanted()} ({role})", path.name)
            for path, facts in parsed
            if facts is None
        ]
        return [(path, facts) for path, facts in parsed if facts is not None], odd

    def _present(self) -> str:
        """What lies in the root, for the error about an empty folder."""
        if not self.root.is_dir():
            return "no such folder"
        names = sorted(p.name + "/" * p.is_dir() for p in self.root.iterdir())
        more = f" and {len(names) - 5} more" if len(names) > 5 else ""
        held = ", ".join(names[:5]) or "nothing"
        return f"no file; the folder {self.root} holds {held}{more}"
