"""Who registers domains in these tests."""


def contact(email):
    """A contact as registries want it, but for the address that is to be confirmed."""
    return {
        "FirstName": "Ann",
        "LastName": "Lee",
        "ContactType": "PERSON",
        "AddressLine1": "1 Main Street",
        "City": "Seattle",
        "State": "WA",
        "CountryCode": "US",
        "ZipCode": "98101",
        "PhoneNumber": "+1.2065550100",
        "Email": email,
    }
