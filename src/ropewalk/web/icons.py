"""Line icons, 24 by 24, drawn with the colour of the text beside them."""

from __future__ import annotations

from typing import Final

PATHS: Final = {
    "accounts": "M4 20V6l7-3v17M11 20h9V10l-9-3M7 9v.01M7 13v.01M7 17v.01M15 13v.01M15 17v.01M2 20h20",
    "alert": "M12 4 2.8 19.5h18.4L12 4zM12 10v4M12 17v.01",
    "arrow-right": "M5 12h14M13 6l6 6-6 6",
    "check": "M5 12.5l4.5 4.5L19 7.5",
    "chevron-down": "M6 9l6 6 6-6",
    "chevron-left": "M15 6l-6 6 6 6",
    "chevron-right": "M9 6l6 6-6 6",
    "clock": "M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18zM12 7v5l3.5 2",
    "columns": "M4 4h16v16H4zM9.3 4v16M14.7 4v16",
    "connector": "M9 7V3M15 7V3M6 7h12v4a6 6 0 0 1-12 0V7zM12 17v4",
    "copy": "M9 9h11v11H9zM5 15H4V4h11v1",
    "download": "M12 4v11M7 10.5l5 5 5-5M4 20h16",
    "bookmark": "M6 4h12v16l-6-4.500L6 20z",
    "external": "M14 4h6v6M20 4l-9 9M18 14v6H4V6h6",
    "filter": "M4 5h16l-6 8v6l-4-2v-4L4 5z",
    "home": "M3 11l9-7 9 7M5.5 9.5V20h13V9.5M10 20v-6h4v6",
    "info": "M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18zM12 11v5M12 8v.01",
    "key": "M8 11a4 4 0 1 0 0 8 4 4 0 0 0 0-8zM11 12.5L20 4M16.5 7l3 3",
    "lock": "M6 11h12v9H6zM8.500 11V7.500a3.500 3.500 0 0 1 7 0V11",
    "log": "M6 3h9l4 4v14H6zM9 11h7M9 15h7M9 7h3",
    "members": "M9 11a4 4 0 1 0 0-8 4 4 0 0 0 0 8zM2 21c0-4 3-6 7-6s7 2 7 6M16 3.5a4 4 0 0 1 0 7M18.5 15.5c2 .8 3.5 2.5 3.5 5.5",
    "menu": "M4 7h16M4 12h16M4 17h16",
    "minus": "M5 12h14",
    "more": "M4.800 12h.4M11.800 12h.4M18.800 12h.4",
    "plus": "M12 5v14M5 12h14",
    "search": "M11 4a7 7 0 1 0 0 14 7 7 0 0 0 0-14zM16 16l5 5",
    "settings": "M4 7h9M19 7h1M4 17h1M11 17h9M16 4.500a2.5 2.5 0 1 0 0 5 2.5 2.5 0 0 0 0-5zM8 14.500a2.5 2.5 0 1 0 0 5 2.5 2.5 0 0 0 0-5z",
    "sign-out": "M10 4H4v16h6M15 8l4 4-4 4M9 12h10",
    "sort-down": "M12 5v14M6 13l6 6 6-6",
    "sort-up": "M12 19V5M6 11l6-6 6 6",
    "switch": "M8 4L4 8l4 4M4 8h16M16 12l4 4-4 4M20 16H4",
    "upload": "M12 15V4M7 8.500l5-5 5 5M4 20h16",
    "x": "M6 6l12 12M18 6L6 18",
}  # fmt: skip
