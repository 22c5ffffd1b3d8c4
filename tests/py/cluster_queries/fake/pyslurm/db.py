"""db/qos.pyx: name, description and id; no priority."""


class QualityOfService:
    """Has no more than this."""

    name: str
    description: str
    id: int
