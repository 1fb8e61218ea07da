"""What of a recipe applies: some of its levels, and the windows that an image is judged by."""

from collections.abc import Iterable

from segmill.augment.placement import Box, centred, cover, grid
from segmill.augment.recipe import Recipe
from segmill.errors import ConfigError


def selected_levels(recipe: Recipe, levels: Iterable[int | str] | None) -> list[int]:
    """Positions of levels given by name or position, in order; None selects all.

    Raises
    ------
    ConfigError
        naming the levels that do not exist, or if none is selected.
    """
    names = [level.name for level in recipe.levels]
    if levels is None:
        return list(range(len(names)))
    wanted = list(levels)
    legal = [*range(len(names)), *names]
    unknown = [level for level in wanted if level not in legal]
    if unknown or not wanted:
        raise ConfigError(f"expected levels among {legal}, found {unknown or wanted}")
    return sorted({names.index(lv) if isinstance(lv, str) else lv for lv in wanted})


def evaluation_boxes(recipe: Recipe, shape: tuple[int, int]) -> list[Box]:
    """The windows of a prepared image of `shape` (h, w), as the recipe's `evaluation` says."""
    if recipe.evaluation == "whole":
        return [(0, 0, *shape)]
    if recipe.evaluation == "centre":
        return [centred(shape, recipe.size)]
    if recipe.size == "whole":
        return grid(shape, recipe.tiles)
    return cover(shape, recipe.size)
