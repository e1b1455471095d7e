from __future__ import annotations

import subprocess
import sys

import pytest

from dipole.errors import InputError
from dipole.views import VIEWS, build_views, view_class
from dipole.views.base import Same, View
from dipole.views.image import SimCLR
from dipole.views.multi_crop import MultiCrop
from dipole.views.text import WordDeletion, WordRepetition


def test_one_name_alone_is_two_views() -> None:
    assert [type(view) for view in build_views(["simclr"])] == [SimCLR, SimCLR]


def test_names_are_counted() -> None:
    views = build_views(["same", "word-deletion*3"])
    assert [type(view) for view in views] == [Same] + [WordDeletion] * 3
    assert len(build_views(["simclr*1"])) == 1


def test_a_view_with_several_renderings_is_one() -> None:
    views = build_views(["multi-crop"], local=3)
    assert [type(view) for view in views] == [MultiCrop]
    assert views[0].count == 5


def test_an_option_goes_to_the_views_that_have_it() -> None:
    same, repeated = build_views(["same", "word-repetition"], rate=0.5)
    assert isinstance(same, Same)
    assert isinstance(repeated, WordRepetition)
    assert repeated.rate == 0.5


@pytest.mark.parametrize("name", VIEWS)
def test_every_name_is_a_view(name: str) -> None:
    assert issubclass(view_class(name), View)


def test_a_class_of_anyone_is_a_name() -> None:
    assert view_class("dipole.views.base:Same") is Same


@pytest.mark.parametrize(
    ("names", "options", "message"),
    [
        (["simclear"], {}, "view: found 'simclear'; did you mean 'simclr'"),
        (["simclr*0"], {}, r"view: found 'simclr\*0'; expected NAME or NAME\*COUNT"),
        (["simclr*x"], {}, r"view: found 'simclr\*x'; expected NAME or NAME\*COUNT"),
        (["nowhere:View"], {}, "view: found 'nowhere:View'; no module 'nowhere' here"),
        (["simclr"], {"strenght": 1}, "view option 'strenght': no such setting of simclr; "),
        (["same"], {"rate": 1}, "view option 'rate': no such setting of same; expected none"),
    ],
)
def test_what_is_wrong_is_said(names: list[str], options: dict[str, int], message: str) -> None:
    with pytest.raises(InputError, match=message):
        build_views(names, **options)


def test_kornia_is_imported_where_an_image_is_seen() -> None:
    code = (
        "import sys; from dipole.views import build_views; build_views(['simclr', 'multi-crop']);"
        "print('kornia' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
