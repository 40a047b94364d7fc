"""What a screen shows, built from the frames it gets, and what is wrong with these frames."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.realtime.screens import Document

Position = tuple[str, int]


class Past:
    """What a screen has been told since a snapshot: `epoch` and `start` of the snapshot, `end` how far it
    says it is, and the data of each event in between by seq."""

    def __init__(self, epoch: str, start: int) -> None:
        self.epoch = epoch
        self.start = start
        self.end = start
        self.events: dict[int, tuple[str, Document]] = {}


class Shown:
    """Applies frames as a real screen does and judges each. `problems` are sentences."""

    def __init__(self) -> None:
        self.documents: dict[tuple[str, str], Document] = {}
        self.pasts: list[Past] = []
        self.problems: list[str] = []
        self.server_time = ""

    @property
    def position(self) -> Position | None:
        """Where a resumed session goes on."""
        return (self.pasts[-1].epoch, self.pasts[-1].end) if self.pasts else None

    def orders(self) -> dict[str, Document]:
        """Orders by id."""
        return {key[1]: data for key, data in self.documents.items() if key[0] == "order"}

    def apply(self, frame: Document) -> None:
        """A frame from the hub."""
        match frame["type"]:
            case "snapshot":
                self._replace(frame)
            case "event":
                self._event(frame)
            case "position":
                self._position(frame)

    def _replace(self, frame: Document) -> None:
        epoch, seq = frame["epoch"], frame["seq"]
        old, self.documents = self.documents, {}
        same = self.position is not None and self.position[0] == epoch
        if same and self.position is not None and seq < self.position[1]:
            self.problems.append(f"a snapshot of {seq} after everything up to {self.position[1]}")
        for entry in frame["state"]:
            key = (entry["kind"], entry["data"]["id"])
            if key in self.documents:
                self.problems.append(f"{key[0]} {key[1]} twice in the snapshot of {seq}")
            self._put(key, entry["data"], old.get(key) if same else None, seq)
        self.pasts.append(Past(epoch, seq))

    def _event(self, frame: Document) -> None:
        if not self.pasts:
            self.problems.append(f"event {frame['seq']} before any snapshot")
            return
        past, seq, data = self.pasts[-1], frame["seq"], frame["data"]
        if seq in past.events:
            self.problems.append(f"event {seq} came twice")
        elif seq <= past.end:
            self.problems.append(f"event {seq} came after everything up to {past.end}")
        past.events[seq] = (frame["kind"], data)
        past.end = max(past.end, seq)
        name, _, removed = frame["kind"].partition(".")
        if removed:
            self.documents.pop((name, data.get("id", "")), None)
        elif "id" in data:
            key = (name, data["id"])
            self._put(key, data, self.documents.get(key), seq)

    def _put(self, key: tuple[str, str], data: Document, old: Document | None, seq: int) -> None:
        if old is not None and "version" in data and data["version"] < old["version"]:
            self.problems.append(
                f"{key[0]} {key[1]} went back from version {old['version']} to {data['version']} at {seq}"
            )
        self.documents[key] = data

    def _position(self, frame: Document) -> None:
        self.server_time = frame["server_time"]
        if not self.pasts or self.pasts[-1].epoch != frame["epoch"]:
            self.problems.append(f"a position of epoch {frame['epoch']} without its snapshot")
            return
        past = self.pasts[-1]
        if frame["seq"] < past.end:
            self.problems.append(f"position {frame['seq']} after everything up to {past.end}")
        past.end = max(past.end, frame["seq"])
