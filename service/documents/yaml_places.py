"""The places of values in a YAML text that has been read (``service.documents.yaml``). Pure."""

from collections.abc import Generator
from typing import Any

import yaml

from service.documents.place_tracker import PlaceTracker, Spot, Style
from service.documents.yaml import LOADER, TURN_EVENTS
from service.documents.yaml_source import preparing

_STYLES: dict[str | None, Style] = {"'": "single", '"': "double", "|": "literal", ">": "folded"}
_NOWHERE = Spot(0, 0)


def tracking_yaml(text: str, tracker: PlaceTracker) -> Generator[None, None, None]:
    """Tell a tracker of each value in a YAML text, with pauses; of those before the place where it is none."""
    try:
        source = yield from preparing(text)
        brackets = 0
        for count, event in enumerate(yaml.parse(source.text, Loader=LOADER), 1):
            if count % TURN_EVENTS == 0:
                yield
            mark: Any = event.start_mark
            if isinstance(event, yaml.ScalarEvent):
                if tracker.expects_key:
                    name = source.restored(event.value, is_double_quoted=event.style == '"')
                    tracker.key(name, mark.line, mark.column)
                else:
                    tracker.scalar(
                        _spot(event, text, is_in_brackets=brackets > 0) if tracker.next_is_wanted() else _NOWHERE
                    )
            elif isinstance(event, yaml.CollectionStartEvent):
                brackets += 1 if event.flow_style or brackets else 0
                is_list = isinstance(event, yaml.SequenceStartEvent)
                tracker.begin(Spot(mark.line, mark.column, is_in_brackets=brackets > 0), is_list=is_list)
            elif isinstance(event, yaml.CollectionEndEvent):
                brackets -= 1 if brackets else 0
                tracker.end()
    except (ValueError, yaml.YAMLError):
        return


def _spot(event: Any, text: str, *, is_in_brackets: bool) -> Spot:
    start, end = event.start_mark, event.end_mark
    style = _STYLES.get(event.style, "plain")
    return Spot(start.line, start.column, style, text[start.index : end.index], is_in_brackets)
