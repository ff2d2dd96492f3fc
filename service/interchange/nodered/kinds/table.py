"""The converter of each type of node."""

from collections.abc import Callable, Mapping

from service.interchange.nodered.draft import Draft, Workshop
from service.interchange.nodered.expansion import JUNCTION, FlatNode
from service.interchange.nodered.kinds import basics, events, network, sequences, timing, transforms

Converter = Callable[[FlatNode, Workshop, str], Draft]

CONVERTERS: Mapping[str, Converter] = {
    "inject": basics.inject,
    "debug": basics.debug,
    "function": basics.function,
    "change": transforms.change,
    "switch": transforms.switch,
    "template": transforms.template,
    "range": transforms.range_,
    "rbe": transforms.rbe,
    "json": transforms.json,
    "csv": transforms.csv,
    "split": sequences.split,
    "join": sequences.join,
    "sort": sequences.sort,
    "batch": sequences.batch,
    "delay": timing.delay,
    "trigger": timing.trigger,
    "http in": network.http_in,
    "http response": network.http_response,
    "http request": network.http_request,
    "catch": events.catch,
    "status": events.status,
    "complete": events.complete,
    JUNCTION: events.junction,
    "link in": events.junction,
    "link out": events.junction,
    "link call": events.link_call,
}
