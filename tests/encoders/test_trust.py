from __future__ import annotations

import threading

from dipole.encoders import trusting_code
from dipole.encoders.trust import code_is_trusted


def test_code_is_trusted_in_a_block_and_in_no_other_thread() -> None:
    seen = []
    assert not code_is_trusted()
    with trusting_code():
        assert code_is_trusted()
        with trusting_code(False):
            assert not code_is_trusted()
        assert code_is_trusted()
        thread = threading.Thread(target=lambda: seen.append(code_is_trusted()))
        thread.start()
        thread.join()
    assert not code_is_trusted()
    assert seen == [False]
