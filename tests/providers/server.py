"""A real SMTP server (aiosmtpd) that takes one mail, reads it with Python's own library, and prints what is in it."""

import asyncio
import email
import email.policy
import json

from aiosmtpd.smtp import SMTP


class Keep:
    def __init__(self):
        self.took = asyncio.get_running_loop().create_future()

    async def handle_DATA(self, server, session, envelope):
        # Once the answer is on its way.
        asyncio.get_running_loop().call_later(0.1, self.took.set_result, envelope)
        return "250 2.0.0 taken"


async def take_one():
    keep = Keep()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: SMTP(keep, hostname="mx.example"), "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    return await asyncio.wait_for(keep.took, 60)


envelope = asyncio.run(take_one())
mail = email.message_from_bytes(envelope.content, policy=email.policy.default)
parts = [part for part in mail.walk() if not part.is_multipart()]
print(
    json.dumps(
        {
            "rcpt_tos": envelope.rcpt_tos,
            "headers": {name: str(value) for name, value in mail.items()},
            "parts": [part.get_content_type() for part in parts],
            "defects": [repr(defect) for part in mail.walk() for defect in part.defects],
            "text": parts[0].get_content().replace("\r\n", "\n"),
            "html": parts[1].get_content(),
        }
    )
)
